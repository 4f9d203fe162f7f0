"""Sends the same generated cases to the adapter of every language and prints where its answers differ from the first one's."""

from __future__ import annotations

import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Callable, Collection, Dict, Iterator, List, Optional, Sequence, Tuple

from agreement import agree, shortest, steps
from building import build_all, command_of
from languages import LANGUAGES, ROOT, Language
from layers import cases
from progress import progress, report
from sessions import generate as generate_sessions
from table import Table
from vectors import LAYERS, load

COUNT = 10_000
SESSIONS = 2_000
SEED = 20010911
BATCH = 20_000
"""Requests that each language answers before the answers are compared, in as many processes as there are processors."""

LONGEST = 4_000
"""Characters of the longest request that is mutated; longer ones test limits."""

SHOWN = 10
"""Differences printed for one language."""

TIMEOUT = 300.0
"""Seconds that a batch may take."""

# Values on either side of some rule.
BYTES = bytes((0x00, 0x01, 0x02, 0x07, 0x08, 0x0A, 0x0D, 0x10, 0x14, 0x1A, 0x40, 0x41, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 0xC2, 0xD8, 0xDC, 0xE2,
               0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF))  # fmt: skip
TIMES = (0, 1, 500, 999, 1_000, 1_001, 2_000, 4_999, 5_000, 5_001, 10_000, 30_000, 59_999, 60_000, 60_001, 100_000)

ERROR, CANCEL = 0x05, 0x81
KINDS = (*range(2, 9), *range(0x10, 0x15), CANCEL)
"""HELLO belongs to sessions, not to messages."""

LEGAL_OPTIONS = ("0700", *(f"0804{number:08x}" for number in range(4)))
"""Of a HELLO: client, and few requests, so that some are too many."""

OPTIONS = (*LEGAL_OPTIONS, "070100", "0800", "0803000001", "08050000000001", "0600", "0900")
OWN_HELLO = 3
"""The word of a session that is this side's HELLO."""

HELLO_START = "f5f80100"
HELLO_LENGTH = 24
"""Bytes of the body without options."""

Print = Callable[[str], None]


def run(table: Table, only: Collection[str], count: int, sessions: int, seed: int, report: Print = report) -> None:
    """Adds a row for each language in `only`: the number of answers that agree with those of Rust, or of the first one that
    runs, to `count` changed vectors and to so many whole sessions."""
    running = build_all(table, [one for one in LANGUAGES if not only or one.name in only or one is LANGUAGES[0]])
    if len(running) < 2:
        return  # the rows of the others say why
    for what, generated, total in (("cases", generate(count, seed), count), ("sessions", generate_sessions(sessions, seed), sessions)):
        if total:
            compare(table, running, what, generated, total, report)


def compare(table: Table, running: Sequence[Language], what: str, generated: Iterator[str], total: int, report: Print) -> None:
    """Adds a column: how many answers of each other language agree with the first one's."""
    first, *others = running
    differing: Dict[str, int] = {language.name: 0 for language in others}
    done = 0
    processors = os.cpu_count() or 1
    with ThreadPoolExecutor(processors) as pool, progress.stage(f"differential: generated {what}", total) as stage:
        while batch := list(islice(generated, BATCH)):
            shares = [batch[at : at + BATCH // processors] for at in range(0, len(batch), BATCH // processors)]
            asked = [[pool.submit(answers, language, share) for share in shares] for language in running]
            expected, *answered = [[answer for share in of_one for answer in share.result()] for of_one in asked]
            for language, found in zip(others, answered):
                for request, one, other in zip(batch, expected, found):
                    if not agree(one, other):
                        differing[language.name] += 1
                        if differing[language.name] <= SHOWN:
                            report(difference(first, language, request))
            done += len(batch)
            progress.step(stage, f"differential: {done}/{total} {what}", len(batch))
        stage.result = f"{done}, {sum(differing.values())} differ"
    for name, different in differing.items():
        table.count(name, f"{what} as {first.name}", done - different, done)


def difference(first: Language, other: Language, request: str) -> str:
    """What two languages answer to a request, or to as few first steps of a session as still show it."""

    def both(request: str) -> Tuple[str, str]:
        return answers(first, [request])[0], answers(other, [request])[0]

    least = shortest(request, lambda prefix: not agree(*both(prefix)))
    one, two = steps(least, *both(least))
    return f"{other.name} differs:\n    {least}\n    {first.name}: {one}\n    {other.name}: {two}\n"


def answers(language: Language, batch: Sequence[str]) -> List[str]:
    """The answers of one process to a batch, with a placeholder for each missing answer."""
    done = subprocess.run(
        command_of(language.adapter),
        cwd=ROOT,
        env={**os.environ, **language.environment},
        input="\n".join(batch).encode("ascii") + b"\n",
        stdout=subprocess.PIPE,
        timeout=TIMEOUT,
    )
    lines = done.stdout.decode("ascii", "backslashreplace").splitlines()
    missing = len(batch) - len(lines)
    return lines + [f"(no answer; status {done.returncode})"] * missing


def generate(count: int, seed: int) -> Iterator[str]:
    """The vectors, mutated in one to four places. The same seed gives the same cases."""
    requests = [case.request for layer in LAYERS for vector in load(layer) for case in cases(layer, vector)]
    requests = [request for request in requests if len(request) <= LONGEST]
    chance = random.Random(seed)
    for _ in range(count):
        request = chance.choice(requests)
        for _ in range(chance.randint(1, 4)):
            request = mutated(request, requests, chance)
        yield request


def mutated(request: str, requests: Sequence[str], chance: random.Random) -> str:
    """The request with another value for one of its words."""
    words = request.split(" ")
    if words[0] == "session" and chance.random() < 0.3:
        mutate_steps(words, requests, chance)
        return " ".join(words)
    at = chance.randrange(1, len(words))
    words[at] = word(words, at, chance) or words[at]
    return " ".join(words)


def word(words: Sequence[str], at: int, chance: random.Random) -> Optional[str]:
    """Another value for this word, or None to leave it unchanged."""
    kind, value = words[0], words[at]
    if value in ("whole", "bytes"):
        return chance.choice(("whole", "bytes"))
    if value in ("client", "server"):
        return chance.choice(("client", "server"))
    if kind == "frame" and at == 1:
        return str(chance.choice((0, 1, 2, 16, 1024, 1 << 20, (1 << 31) - 1)))
    if kind in ("message", "encode") and at == 1:
        return f"{chance.choice((*KINDS, chance.randrange(2, 256))):02x}"
    if (kind in ("message", "encode") and at == 2) or (kind in ("text", "encode-text") and at == 1):
        return str(chance.randint(0 if kind in ("message", "encode") else 1, 4))
    if kind == "session" and ":" in value:
        name, rest = value.split(":", 1)
        if name == "recv" and rest.startswith(HELLO_START) and chance.random() < 0.5:
            return f"recv:{with_option(rest, chance)}"
        if name == "recv":
            return f"recv:{octets(rest, chance)}"
        if name == "close":
            return f"close:{chance.choice((1000, 1001, 1002, 1008, 3000, 4000, 4007))}"
        if name == "send":
            parts = rest.split(":")
            return f"send:{parts[0]}:{chance.randint(0, 4)}:{parts[2]}" if len(parts) == 3 else None
        return None
    if kind == "session":
        # This side's HELLO stays legal: the peer's is under test.
        return with_legal_option(value, chance) if at == OWN_HELLO else None
    if kind == "hello" and chance.random() < 0.2:
        return value + chance.choice(OPTIONS) if value != "-" else None
    if kind == "encode-text":
        return encodable(chance)
    return octets(value, chance)


def mutate_steps(words: List[str], requests: Sequence[str], chance: random.Random) -> None:
    """Removes or duplicates a step of a session, advances the clock, or adds received bytes, a message about a request or the
    end of the stream."""
    times = [int(step[5:]) for step in words[4:] if step.startswith("time:")]
    what = chance.randrange(6)
    at = chance.randrange(4, len(words)) if len(words) > 4 else 4
    if what == 0 and len(words) > 5 and not words[at].startswith("time:"):
        del words[at]
    elif what == 1 and len(words) > 4 and not words[at].startswith("time:"):
        words.insert(at, words[at])
    elif what == 2:
        words.append(f"time:{max(times, default=0) + chance.choice(TIMES)}")
    elif what in (3, 4):
        words.insert(chance.randint(min(5, len(words)), len(words)), request_step(chance))
    else:
        other = [step for step in chance.choice(requests).split(" ") if step.startswith("recv:")]
        words.append(chance.choice([*other, "eof"]))


def request_step(chance: random.Random) -> str:
    """A REQUEST, its answer or its CANCEL, received or sent; with few ids, so that they meet."""
    kind, encoding, rest = chance.choice(((3, 0, ""), (4, 0, ""), (ERROR, 1, "000000010fac"), (CANCEL, 0, ""), (CANCEL, 0, "")))
    body = f"{chance.randint(1, 3):08x}{rest}"
    if chance.random() < 0.5:
        return f"send:{kind:02x}:{encoding}:{body}"
    return f"recv:f5f8{kind:02x}{encoding:02x}{len(body) // 2:08x}{body}f8f5"


def with_option(stream: str, chance: random.Random) -> str:
    """A stream with a further option in the HELLO at its start."""
    start = len(HELLO_START) + 8
    end = start + 2 * int(stream[len(HELLO_START) : start] or "0", 16)
    if len(stream) < end:
        return stream
    body = stream[start:end] + chance.choice(OPTIONS)
    return f"{HELLO_START}{len(body) // 2:08x}{body}{stream[end:]}"


def with_legal_option(body: str, chance: random.Random) -> str:
    """The body of a legal HELLO with a further option, unless it has this option already."""
    option = chance.choice(LEGAL_OPTIONS)
    present, at = set(), 2 * HELLO_LENGTH
    while at < len(body):
        present.add(body[at : at + 2])
        at += 4 + 2 * int(body[at + 2 : at + 4], 16)
    return body if option[:2] in present else body + option


def octets(value: str, chance: random.Random) -> str:
    """Mutated bytes: one inserted, removed, replaced or with a bit flipped, or a piece duplicated or removed."""
    bytes_ = bytearray.fromhex("" if value == "-" else value) if is_hex(value) else bytearray()
    at = chance.randrange(len(bytes_) + 1)
    what = chance.randrange(6)
    if what == 0:
        bytes_.insert(at, chance.choice(BYTES))
    elif what == 1 and bytes_:
        del bytes_[at - 1]
    elif what == 2 and bytes_:
        bytes_[at - 1] = chance.choice(BYTES)
    elif what == 3 and bytes_:
        bytes_[at - 1] ^= 1 << chance.randrange(8)
    elif what == 4:
        until = min(len(bytes_), at + chance.randint(1, 12))
        bytes_[at:at] = bytes_[at:until]
    else:
        del bytes_[at : at + chance.randint(1, 12)]
    return bytes_.hex() or "-"


def is_hex(value: str) -> bool:
    return value == "-" or len(value) % 2 == 0 and all(digit in "0123456789abcdef" for digit in value)


def encodable(chance: random.Random) -> str:
    """A text in UTF-8, made of characters on either side of a rule."""
    scalars = (0, 0x41, 0x7F, 0x80, 0xE9, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF)
    return "".join(chr(chance.choice(scalars)) for _ in range(chance.randint(0, 5))).encode().hex() or "-"
