/** What becomes of an error: the one to throw in its place. */
export type Translate = (error: unknown) => unknown;

/**
 * The same object, whose errors are translated: of promises and of async iterables that its methods return. Members that
 * are not functions, and methods that answer at once, stay as they are.
 */
export function guarded<T extends object>(object: T, translate: Translate): T {
  return new Proxy(object, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => guardedResult(Reflect.apply(member, target, args), translate);
    },
  });
}

function guardedResult(result: unknown, translate: Translate): unknown {
  if (result instanceof Promise) {
    return result.catch((error: unknown) => {
      throw translate(error);
    });
  }
  return isAsyncIterable(result) ? guardedItems(result, translate) : result;
}

async function* guardedItems(
  items: AsyncIterable<unknown>,
  translate: Translate,
): AsyncGenerator<unknown, void> {
  try {
    yield* items;
  } catch (error) {
    throw translate(error);
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
