from support import id_of

from tagsync.applying.queue import Queue
from tagsync.model import Op, Request


def test_of_what_waits_the_removals_of_ai_tags_can_be_told_for_they_are_read_ahead() -> None:
    files = (id_of("/a"),)
    requests = [
        Request(Op.REMOVE_AI, ("Dog",), files),
        Request(Op.REMOVE, ("x",), files),
        Request(Op.REMOVE_AI, ("Cat",), files),
    ]
    queue = Queue({}, exact=False)
    queue.fill(requests)
    assert list(queue.removals_of_ai_tags()) == [requests[0], requests[2]]
    queue.take()
    assert list(queue.removals_of_ai_tags()) == [requests[2]]
