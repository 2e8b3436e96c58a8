/** The same object with some of its methods replaced; the others are called on the object itself. */
export function overriding<T extends object>(target: T, over: Partial<T>): T {
  return new Proxy(target, {
    get: (_target, name): unknown => {
      if (Object.hasOwn(over, name)) return Reflect.get(over, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
