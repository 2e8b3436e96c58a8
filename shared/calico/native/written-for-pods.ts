const IDENTITIES: Readonly<Record<string, (id: string) => string>> = {
  IPAMBlock: (id) => id,
  BlockAffinity: (id) => id,
  IPAMHandle: () => "handles",
};

/**
 * What tells an object that Calico itself writes whenever a pod comes or goes from others, whatever it holds; undefined of
 * every other kind. Consent to losing what happened in a block, or to any handle, is consent to losing what happens in it next:
 * asked again for each pod, nobody could ever consent.
 *
 * @param kind - as projectcalico.org/v3 names it
 */
export function identityForPods(kind: string, id: string): string | undefined {
  return IDENTITIES[kind]?.(id);
}
