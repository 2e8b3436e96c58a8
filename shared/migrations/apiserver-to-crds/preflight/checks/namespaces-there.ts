import { block, type Check, pass } from "../check.ts";

/** Every object has a namespace to be copied to. */
export const namespacesThere: Check = {
  id: "namespaces-there",
  title: "the namespace of every object is there, and is not being deleted",
  why: "Nothing can be created in a namespace that is gone or is being deleted: one object there, held by a finalizer for example, would stop the copy.",
  severity: "blocking",
  fix: "Let the deletion of the namespace end (`kubectl get namespace NAME -o yaml` says what holds it), or delete what is named; or leave objects out by name with --skip, of `start`, or of `resume` where the run has begun: a loss to approve.",
  judge: ({ objects: { homeless } }) =>
    homeless.count === 0
      ? pass("all are")
      : block(
          `${homeless.count} objects are in namespaces that are gone or being deleted, among them ${homeless.first[0] ?? "?"}`,
          { items: homeless.first },
        ),
};
