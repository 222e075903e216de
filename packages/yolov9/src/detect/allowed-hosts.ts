/**
 * Which addresses may be fetched: hosts that the user allowed, and no machine of an inner network that was not named itself. A host may
 * resolve to anything, so the check that counts is made on the address that a connection goes to (`lookup`).
 */
import { lookup as resolveName } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** An address that is not fetched; the message says what would allow it. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

const PRIVATE_RANGES: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
  ["::", 127],
  ["64:ff9b::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
];
const inner = new BlockList();
for (const [network, prefix] of PRIVATE_RANGES)
  inner.addSubnet(network, prefix, network.includes(":") ? "ipv6" : "ipv4");

/** Whether an IP address is of this machine, an inner network, or no single machine at all; IPv4 in IPv6 is looked at as IPv4. */
export function isPrivate(ip: string): boolean {
  return inner.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

export class AllowedHosts {
  readonly #patterns: readonly string[];

  /** @param patterns `example.com`, `example.com:8080`, `*.example.com` or `*` */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => pattern.toLowerCase());
  }

  /** @throws AddressError unless it is http or https, without a password, to an allowed host at the protocol's port or the one named */
  check(url: URL): void {
    const { protocol, hostname, port, username, password } = url;
    const usual = DEFAULT_PORTS[protocol];
    if (usual === undefined) throw new AddressError(`${protocol} is neither http nor https`);
    if (username !== "" || password !== "") throw new AddressError("addresses with a user or password are not fetched");
    const host = port === "" || port === usual ? hostname : `${hostname}:${port}`;
    if (this.#names(host) || this.#patterns.some((pattern) => matches(pattern, host))) return;
    throw new AddressError(`the host is not allowed; --allow-host ${host} allows it`);
  }

  /**
   * How a connection finds its machine.
   * @param url checked
   * @returns a `lookup` for Node's requests, which refuses inner networks unless the host itself was named
   */
  lookup({ hostname, host }: URL): LookupFunction {
    const isNamed = this.#names(hostname) || this.#names(host);
    return (name, options, callback) => {
      resolveName(name, { ...options, all: true }, (error, found) => {
        // After an error there is no list, whatever the types say.
        const [first] = error === null ? found : [];
        const bad = error !== null || isNamed ? undefined : found.find(({ address }) => isPrivate(address));
        if (first === undefined) callback(error ?? new AddressError(`${name} has no address`), []);
        else if (bad !== undefined) callback(innerNetwork(name, bad.address), []);
        else if (options.all === true) callback(null, found);
        else callback(null, first.address, first.family);
      });
    };
  }

  /** An address in numbers is not looked up, so that it is checked here. @throws AddressError */
  checkNumbers({ hostname, host }: URL): void {
    const ip = hostname.replace(/^\[|\]$/g, "");
    if (isIP(ip) !== 0 && isPrivate(ip) && !this.#names(hostname) && !this.#names(host))
      throw innerNetwork(hostname, ip);
  }

  #names(host: string): boolean {
    return this.#patterns.includes(host);
  }
}

function matches(pattern: string, host: string): boolean {
  if (pattern === "*") return !/:\d+$/.test(host);
  return pattern.startsWith("*.") && host.endsWith(pattern.slice(1));
}

function innerNetwork(host: string, ip: string): AddressError {
  return new AddressError(`${host} is ${ip}, in an inner network; --allow-host ${host} allows it by name`);
}
