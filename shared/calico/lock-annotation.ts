/** The annotation that says which run locked a datastore; it never outlives the lock and is never copied. */
export const LOCK_ANNOTATION = "calico-migrator.io/locked-by";
