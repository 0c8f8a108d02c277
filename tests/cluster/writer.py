"""A client that writes for as long as its node answers, and remembers what it was told."""

import threading

import grpc

import rpc

CALLS_AT_ONCE = 50


class Writer(threading.Thread):
    """Submits batches of openings to one node, one after the other with a pause between, and keeps the ids that were
    answered as final, and the height of the last. Ends when the node goes away, or, where `again`, comes back to it
    until it is told to end."""

    def __init__(self, net, name, batch_events=20, again=False, pause_s=0):
        super().__init__(daemon=True)
        self.net, self.name, self.batch_events, self.again, self.pause_s = net, name, batch_events, again, pause_s
        self.member = rpc.Member(net, name)
        self.final, self.wrong, self.height = [], [], 0
        self.over = threading.Event()

    def run(self):
        with rpc.Client(self.net, self.name) as client:
            while not self.over.is_set():
                batch = self.member.batch([self.member.opening() for _ in range(self.batch_events)])
                try:
                    reply = client.submit(batch)
                except grpc.RpcError as error:
                    hint_ms = rpc.detail_of(error).retry_after_ms
                    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and hint_ms:
                        self.over.wait(hint_ms / 1000)  # as an application would: the node has too much to do
                        continue
                    if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                        self.wrong.append(error)
                    elif self.again:
                        self.over.wait(0.1)
                        continue
                    return
                self.height = reply.height
                self.wrong.extend(result for result in reply.results if result.result != 0)
                self.final.extend(result.event_id for result in reply.results)
                self.over.wait(self.pause_s)

    def end(self):
        self.over.set()
        self.join(60)


def receipts_check(test, net, name, final):
    """Every event that was answered as final is on the named node's ledger, applied."""
    with rpc.Client(net, name) as client:
        for first in range(0, len(final), CALLS_AT_ONCE):
            events = final[first:first + CALLS_AT_ONCE]
            calls = [client.ledger.GetReceipt.future(rpc.rpc.GetReceiptRequest(event_id=event),
                                                     timeout=rpc.DEADLINE_S) for event in events]
            for event, call in zip(events, calls):
                receipt = call.result().receipt
                test.assertEqual((receipt.result, receipt.event_id), (0, event))
