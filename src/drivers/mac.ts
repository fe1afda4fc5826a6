/** MAC addresses of ports: made for those that bring none, and as text. */

/** A random locally administered unicast address. */
export function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return macText(bytes);
}

/** 'aa:bb:cc:dd:ee:ff' of six bytes. */
export function macText(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join(':');
}
