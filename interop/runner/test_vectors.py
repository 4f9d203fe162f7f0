"""The vectors obey their schema, and the schema rejects what it should."""

import copy
import json
import re
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any, Callable, List, Tuple

from languages import ROOT
from layers import cases
from schema import Schema
from vectors import FOLDER, LAYERS, NAMES, TRANSFERS, BadVectors, hexed, joined, load, read

FRAME = {
    "id": "F001",
    "requires": ["R2.1"],
    "why": "A reason.",
    "bytes": "f5f8 02 00 00000000 f8f5",
    "frames": [{"kind": "02", "encoding": 0, "body": ""}],
    "result": "end",
}


class Vectors(unittest.TestCase):
    def test_the_release_has_their_number(self) -> None:
        release = read(FOLDER / "release.json")
        self.assertEqual(release["vectors"], {layer: len(load(layer)) for layer in (*LAYERS, TRANSFERS, NAMES)})

    def test_the_example_in_their_readme_works_with_the_python_peer(self) -> None:
        sys.path.insert(0, str(ROOT / "interop/python/src"))
        from bookend.fault import Fault
        from bookend.frame import Decoder

        def decode(limit: int, pieces: List[bytes]) -> Tuple[List[Tuple[int, int, bytes]], str]:
            decoder, frames = Decoder(limit), []
            try:
                for piece in pieces:
                    decoder.feed(piece)
                    for frame in iter(decoder.next, None):
                        frames.append((frame.kind, int(frame.encoding), frame.body))
            except Fault as fault:
                return frames, f"fault:{fault.name}:{fault.offset}"
            return frames, "more" if decoder.pending else "end"

        page = (FOLDER / "README.md").read_text(encoding="utf-8")
        example = page.split("```python\n")[1].split("```")[0].replace('open("', f'open("{FOLDER.as_posix()}/')
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the example leaves its file open
            exec(example, {"decode": decode})

    def test_every_vector_has_cases(self) -> None:
        for layer in LAYERS:
            for vector in load(layer):
                self.assertTrue(cases(layer, vector), vector["id"])

    def test_every_tag_exists_in_the_specification(self) -> None:
        tags = set(re.findall(r"^- \[(R[0-9]+\.[0-9]+)\]", (ROOT / "SPEC.md").read_text(encoding="utf-8"), re.MULTILINE))
        for layer in (*LAYERS, TRANSFERS, NAMES):
            for vector in load(layer):
                self.assertLessEqual(set(vector["requires"]), tags, vector["id"])

    def test_parts_are_joined(self) -> None:
        self.assertEqual(joined(["f5f8 02", {"repeat": "61 ", "times": 3}, "f8"]), "f5f802616161f8")
        self.assertEqual(hexed(""), "-")


class Rules(unittest.TestCase):
    def test_a_legal_document_is_accepted(self) -> None:
        self.assertEqual(self.loaded(lambda vectors: None), [FRAME])

    def test_an_unknown_property_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(note="x"))

    def test_a_missing_property_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].pop("why"))

    def test_two_outcomes_are_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(fault="bad-start:0"))

    def test_a_vector_without_outcome_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].pop("result"))

    def test_half_a_byte_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(bytes="f5f"))

    def test_a_trailing_line_break_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(bytes="f5\n"))

    def test_a_number_out_of_range_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(limit=1 << 32))
        self.rejected(lambda vectors: vectors[0].update(limit=-1))

    def test_true_is_not_a_number_and_1_is_not_true(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(limit=True))
        self.rejected(lambda vectors: vectors[0].update(canonical=1))

    def test_no_tag_and_a_repeated_tag_are_rejected(self) -> None:
        self.rejected(lambda vectors: vectors[0].update(requires=[]))
        self.rejected(lambda vectors: vectors[0].update(requires=["R2.1", "R2.1"]))

    def test_a_repeated_id_is_rejected(self) -> None:
        self.rejected(lambda vectors: vectors.append(vectors[0]))

    def test_a_repeated_name_in_an_object_is_rejected(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "twice.json"
            path.write_text('{"id": 1, "id": 2}', encoding="ascii")
            with self.assertRaises(BadVectors):
                read(path)

    def test_a_field_of_another_message_is_rejected(self) -> None:
        vector = copy.deepcopy(load("messages")[0])
        vector["fields"]["id"] = 7
        with self.assertRaises(BadVectors):
            cases("messages", vector)

    def test_an_unsupported_keyword_is_an_error(self) -> None:
        with self.assertRaises(ValueError):
            list(Schema({"$defs": {"number": {"multipleOf": 2}}}).errors(3, "number"))

    def loaded(self, damage: Callable[[Any], object]) -> Any:
        vectors = [copy.deepcopy(FRAME)]
        damage(vectors)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "schema.json").write_bytes((FOLDER / "schema.json").read_bytes())
            (Path(folder) / "frames.json").write_text(json.dumps({"layer": "frames", "vectors": vectors}), encoding="ascii")
            return load("frames", Path(folder))

    def rejected(self, damage: Callable[[Any], object]) -> None:
        with self.assertRaises(BadVectors):
            self.loaded(damage)


if __name__ == "__main__":
    unittest.main()
