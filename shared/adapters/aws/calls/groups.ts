/** What one request to AWS can take. */
export interface GroupLimits {
  count: number;
  bytes: number;
}

/**
 * The items in their order, in groups that keep to the limits; an item that alone is larger than `bytes` makes a group of
 * its own.
 */
export function inGroups<T>(items: readonly T[], limits: GroupLimits, bytesOf: (item: T) => number): T[][] {
  const groups: T[][] = [];
  let [group, bytes]: [T[], number] = [[], 0];
  for (const item of items) {
    const size = bytesOf(item);
    if (group.length > 0 && (group.length === limits.count || bytes + size > limits.bytes)) {
      groups.push(group);
      [group, bytes] = [[], 0];
    }
    group.push(item);
    bytes += size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
