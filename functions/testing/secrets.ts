/** Secrets of a cluster, none of which may ever be seen. */
export const TOKEN = "token-9f8e7d6c5b4a-of-a-service-account";
export const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";
export const KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
export const KEY = `-----BEGIN PRIVATE KEY-----\n${KEY_BODY}\n-----END PRIVATE KEY-----\n`;
export const ETCD_PASSWORD = "correct horse battery";
export const AWS_KEY_ID = "AKIAIOSFODNN7EXAMPLE";
export const AWS_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/** Every text that must not be found in anything that is written. */
export const FORBIDDEN: readonly string[] = [
  ...[TOKEN, JWT, KEY_BODY, ETCD_PASSWORD, AWS_KEY_ID, AWS_SECRET_KEY],
  Buffer.from(KEY).toString("base64").slice(0, 60),
];
