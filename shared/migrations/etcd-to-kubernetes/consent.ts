/** The subject that a person has to approve before something of this code is left behind. */
export function consentSubject(code: string): string {
  return code === "NODE_UNMAPPED" || code === "NODE_MISSING" ? "unmapped-nodes" : "uncarried";
}
