"""Transfers: the vectors of SPEC section 12, and whole ones over a connection."""

from __future__ import annotations

import io
import json
import socket
import threading
import unittest
from pathlib import Path
from typing import Any, BinaryIO, List, Optional, Tuple

import support  # noqa: F401 (makes the package importable)
from bookend.action import Role
from bookend.chunk import Offer, Refuse, Want, cause_of, code_of
from bookend.connection import from_socket
from bookend.transfer import (
    Aborted,
    Arrived,
    Complete,
    Held,
    Incoming,
    Offered,
    Outgoing,
    Step,
    TransferFailed,
    receive_into,
    send_from,
)

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "transfers.json"


class VectorsTest(unittest.TestCase):
    def test_every_vector_holds(self) -> None:
        vectors = json.loads(VECTORS.read_text(encoding="ascii"))["vectors"]
        self.assertGreater(len(vectors), 50)
        for vector in vectors:
            with self.subTest(vector["id"], why=vector["why"]):
                for step, seen in pairs(vector):
                    self.assertEqual(seen, step["then"], step)

    def test_causes_and_codes_map_to_each_other(self) -> None:
        for code in range(1, 20):
            self.assertEqual(code_of(cause_of(code)), code)


def pairs(vector: Any) -> List[Tuple[Any, str]]:
    """Each step and its outcome; the first step of a sender is its start."""
    steps = ([{"then": vector["start"]}] if "sender" in vector else []) + vector["steps"]
    outcomes = run(vector)
    assert len(steps) == len(outcomes), vector["id"]
    return list(zip(steps, outcomes))


def run(vector: Any) -> List[str]:
    """The outcomes of a vector."""
    if "receiver" in vector:
        limits = vector["receiver"]
        incoming = Incoming(limits.get("max-length", 1 << 30), limits.get("max-open", 8))
        return [receiver_step(incoming, step) for step in vector["steps"]]
    sender = vector["sender"]
    outgoing = Outgoing(Offer(sender["transfer"], sender.get("length"), octets(sender["name"]).decode("utf-8")))
    return [f"send:{hexed(outgoing.offer)}"] + [sender_step(outgoing, step) for step in vector["steps"]]


def receiver_step(incoming: Incoming, step: Any) -> str:
    if "recv" in step:
        return shown(incoming.receive(octets(step["recv"])))
    if "refuse" in step:
        return "answer:" + hexed(incoming.refuse(step["refuse"]["transfer"], cause_of(step["refuse"]["code"])))
    try:
        return "answer:" + hexed(incoming.accept(step["accept"]["transfer"], Held(octets(step["accept"]["held"]))))
    except TransferFailed as failed:
        return f"refused:{failed.cause}"


def shown(step: Optional[Step]) -> str:
    if step is None:
        return "other"
    if isinstance(step, Offered):
        offer = step.offer
        return f"offer:{offer.transfer}:{'-' if offer.length is None else offer.length}:{hexed(offer.name.encode('utf-8'))}"
    if isinstance(step, Arrived):
        word = f"data:{step.transfer}:{step.offset}:{hexed(step.octets)}"
    elif isinstance(step, Complete):
        word = f"done:{step.transfer}:{step.length}"
    elif isinstance(step, Aborted):
        word = f"aborted:{step.transfer}:{code_of(step.cause)}"
    else:
        word = f"fault:{step.transfer}:{step.cause}"
    return f"{word},answer:{hexed(step.answer)}"


def sender_step(outgoing: Outgoing, step: Any) -> str:
    try:
        if "give" in step:
            payload = outgoing.data(octets(step["give"]))
            return "-" if payload is None else f"send:{hexed(payload)}"
        if "end" in step:
            return f"send:{hexed(outgoing.end())}"
        if "abort" in step:
            return f"send:{hexed(outgoing.abort(cause_of(step['abort'])))}"
        answer = outgoing.answer(octets(step["recv"]))
    except TransferFailed as failed:
        return f"fault:{failed.cause},send:{hexed(outgoing.abort(failed.cause))}"
    if answer is None:
        return "other"
    if isinstance(answer, Want):
        return f"want:{answer.offset}"
    return f"refused:{code_of(answer.cause)}" if isinstance(answer, Refuse) else "done"


def octets(value: Any) -> bytes:
    return bytes.fromhex(value)


def hexed(value: bytes) -> str:
    return value.hex() or "-"


class ConnectionTest(unittest.TestCase):
    WHOLE = bytes(at * at // 7 % 251 for at in range(300_000))

    def exchange(self, kept: bytes, whole: bytes = WHOLE) -> Tuple[List[int], bytes]:
        """Sends over a socket pair; returns the progress of the sender and what the receiver has at the end."""
        near, far = socket.socketpair()
        sink = io.BytesIO()
        sink.write(kept)
        failures: List[TransferFailed] = []

        def open_sink(offer: Offer) -> Tuple[BinaryIO, Held]:
            return sink, Held(kept)

        def serve() -> None:
            with from_socket(far, Role.SERVER) as connection:
                try:
                    receive_into(connection, Incoming(), open_sink)
                except TransferFailed as failed:
                    failures.append(failed)
                for _ in connection.messages():
                    pass

        server = threading.Thread(target=serve)
        server.start()
        seen: List[int] = []
        failure: Optional[TransferFailed] = None
        with from_socket(near, Role.CLIENT) as connection:
            offer = Offer(1, len(self.WHOLE), "whole")
            try:
                send_from(connection, io.BytesIO(whole), offer, lambda progress: seen.append(progress.done))
            except TransferFailed as failed:
                failure = failed
        server.join()
        if failure is not None:
            self.assertEqual(len(failures), 1)
            raise failure
        self.assertEqual(failures, [])
        return seen, sink.getvalue()

    def test_a_transfer_arrives_whole(self) -> None:
        seen, received = self.exchange(b"")
        self.assertEqual((seen[0], seen[-1]), (0, len(self.WHOLE)))
        self.assertEqual(received, self.WHOLE)

    def test_a_transfer_resumes_after_what_is_held(self) -> None:
        seen, received = self.exchange(self.WHOLE[:123_456])
        self.assertEqual((seen[0], seen[-1]), (123_456, len(self.WHOLE)))
        self.assertEqual(received, self.WHOLE)

    def test_what_is_held_of_another_whole_is_found_by_the_digest(self) -> None:
        with self.assertRaises(TransferFailed) as raised:
            self.exchange(b"another beginning")
        self.assertEqual((raised.exception.cause, raised.exception.by_peer), ("wrong-digest", True))

    def test_a_source_that_is_too_short_ends_the_transfer_on_both_sides(self) -> None:
        with self.assertRaises(TransferFailed) as raised:
            self.exchange(b"", self.WHOLE[:-1])
        self.assertEqual((raised.exception.cause, raised.exception.by_peer), ("wrong-length", False))

    def test_a_damaged_chunk_is_refused_and_never_complete(self) -> None:
        outgoing = Outgoing(Offer(1, 5, "a"))
        payloads = [outgoing.offer, outgoing.data(b"hello") or b"", outgoing.end()]
        for damaged, original in enumerate(payloads):
            for at in range(len(original)):
                incoming = Incoming()
                steps: List[Optional[Step]] = []
                for number, payload in enumerate(payloads):
                    if number == damaged:
                        payload = payload[:at] + bytes((payload[at] ^ 1,)) + payload[at + 1 :]
                    step = incoming.receive(payload)
                    if isinstance(step, Offered):
                        incoming.accept(step.offer.transfer)
                    steps.append(step)
                # The name is not part of the whole.
                is_complete = any(isinstance(step, Complete) for step in steps)
                self.assertEqual(is_complete, damaged == 0 and at == 18, (damaged, at, steps))


if __name__ == "__main__":
    unittest.main()
