/** Byte orders of typed expressions, and what a constant beside one is expected to be. */
import type { ByteOrder } from '../datatype/datatype.js';
import type { Expected } from './context.js';
import { isConstant, type Node, type UnaryNode } from './node.js';

export const expectOf = (node: Node): Expected => ({ dtype: node.dtype, bits: node.bits, order: node.order });

/** In the byte order asked for; what is not constant is swapped by an instruction. */
export function converted(node: Node, order: ByteOrder): Node {
  if (node.order === order || order === 'none') return node;
  if (node.kind === 'concat') return node;
  if (isConstant(node) || node.bits <= 8 || node.order === 'none') {
    setOrder(node, order);
    return node;
  }
  const unary: UnaryNode = {
    kind: 'unary',
    op: order === 'big' ? 'hton' : 'ntoh',
    arg: node,
    dtype: node.dtype,
    bits: node.bits,
    order,
    loc: node.loc,
  };
  return unary;
}

export function setOrder(node: Node, order: ByteOrder): void {
  node.order = order;
  if (node.kind === 'range') {
    node.from.order = order;
    node.to.order = order;
  } else if (node.kind === 'prefix') node.base.order = order;
}
