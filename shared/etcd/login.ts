import type { Etcd3 } from "etcd3";
import { errorMessage } from "../errors.ts";
import type { EtcdConnection } from "./config.ts";

/**
 * The session of an etcd user, shared by all endpoints: etcd's tokens are valid on every member. etcd3 could log in
 * as well, but not with another server name, nor again after the users of etcd have changed.
 */
export class Login {
  readonly #user: NonNullable<EtcdConnection["login"]>;
  #token: Promise<string | undefined> | undefined;

  constructor(user: NonNullable<EtcdConnection["login"]>) {
    this.#user = user;
  }

  /** The token to send; undefined where etcd asks for none. Logs in on first use and after {@link Login.forget}. */
  token(etcd: Etcd3, deadline: number): Promise<string | undefined> {
    this.#token ??= this.#authenticate(etcd, deadline);
    return this.#token;
  }

  forget(): void {
    this.#token = undefined;
  }

  async #authenticate(etcd: Etcd3, deadline: number): Promise<string | undefined> {
    const { username: name, password } = this.#user;
    try {
      return (await etcd.auth.authenticate({ name, password: password.reveal() }, { deadline })).token;
    } catch (error) {
      if (errorMessage(error).includes("authentication is not enabled")) return undefined;
      this.#token = undefined;
      throw error;
    }
  }
}
