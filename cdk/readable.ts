import { z } from "zod";

const Join = z.object({ "Fn::Join": z.tuple([z.string(), z.array(z.unknown())]) });
const GetAtt = z.object({ "Fn::GetAtt": z.tuple([z.string(), z.string()]) });
const Ref = z.object({ Ref: z.string() });

/** A resolved value of a template as one text, with references as `<LogicalId.Attribute>` and `<LogicalId>`. */
export function readable(value: unknown): string {
  if (typeof value === "string") return value;
  const join = Join.safeParse(value).data?.["Fn::Join"];
  if (join) return join[1].map(readable).join(join[0]);
  const attribute = GetAtt.safeParse(value).data?.["Fn::GetAtt"];
  if (attribute) return `<${attribute.join(".")}>`;
  const reference = Ref.safeParse(value).data?.Ref;
  return reference === undefined ? JSON.stringify(value) : `<${reference}>`;
}
