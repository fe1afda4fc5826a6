/**
 * Tests of the core that run where the core runs, Node or a board, and come to the same bytes: a module of its own on
 * the core's memory, which speaks to the core by its ABI alone (board_test/core). It lies in the images of the boards.
 *
 *   block     a random router and its traffic, from a seed; a hash of all that came of it (oracle)
 */
export { block } from './oracle';
