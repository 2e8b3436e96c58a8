/**
 * What is wrong with an endpoint, as a sentence to follow its field's name; undefined when nothing is. The value is
 * quoted only where it cannot hold a password.
 */
export function endpointProblem(value: string): string | undefined {
  if (value.includes("@")) {
    return "must not contain a user or a password; use username and passwordFile";
  }
  const shown = `"${value}"`;
  const url = URL.parse(value);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return `${shown} is not an http or https URL, like https://10.0.0.1:2379`;
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return `${shown} must end after the port`;
  }
  // URL drops a port that is its protocol's own, so the text is looked at instead.
  return /:\d+\/?$/.test(value) ? undefined : `${shown} needs a port; etcd's is usually 2379`;
}

/** The one spelling of a valid endpoint: lower case, without a slash at its end. */
export function normalEndpoint(endpoint: string): string {
  return endpoint.toLowerCase().replace(/\/$/, "");
}
