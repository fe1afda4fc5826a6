/**
 * What a `checkX(ptr, len)` of this folder answers: 0, or one of these negative codes. The caller turns them into
 * its drop reason and counter; a getter may only be called after its check gave WIRE_OK.
 */

export const WIRE_OK: i32 = 0;
/** Fewer bytes than the fixed header. */
export const WIRE_SHORT: i32 = -1;
/** A version, address family or hardware type that is not this protocol's. */
export const WIRE_VERSION: i32 = -2;
/** The header's own length field is too small, or larger than the bytes there are. */
export const WIRE_HDR_LEN: i32 = -3;
/** The length field of the whole is smaller than the header. */
export const WIRE_TOT_LEN: i32 = -4;
/** The length field of the whole is larger than the bytes there are. */
export const WIRE_TRUNCATED: i32 = -5;
/** An option or inner element with a wrong length. */
export const WIRE_OPTION: i32 = -6;
/** A field has a value that the standard forbids. */
export const WIRE_FIELD: i32 = -7;
