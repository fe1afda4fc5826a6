/** Tells the host that a ruleset has changed; whoever watches dumps it anew. Linux: NFT_MSG_NEWGEN. */
import { EventType } from '../../abi/event';
import { eventEmit } from '../../dev/event';
import { Net } from '../../net/net';

export function eventNft(net: Net, genid: u32): void {
  eventEmit(EventType.NFT, 0, net, 0, genid, 0);
}
