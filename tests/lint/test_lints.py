#!/usr/bin/env python3
"""The checks find what they look for: each is given a small tree with one mistake in it, and one without."""
import json
import tempfile
import unittest
from pathlib import Path

import headers
import layers
import links
import words


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name).resolve()

    def write(self, **files):
        for name, content in files.items():
            self.put(name.replace("__", "/").replace("_DOT_", "."), content)

    def put(self, name, content):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def expect(self, check, *parts):
        errors, _ = check(self.root)
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])


class Layers(Tree):
    def test_a_chain_is_right(self):
        self.put("core/base/error.h", "#include <string>\n")
        self.put("core/tensor.h", "#include <ATen/core/Tensor.h>\n")
        self.put("hooks/store/h5.cpp", '#include <hdf5.h>\n#include "core/base/error.h"\n')
        self.put("analyses/patching.cpp", '#include "core/tensor.h"\n')
        self.put("widgets/plot.h", "#include <qcustomplot.h>\n")
        self.put("widgets/grid.cpp", '#include <QWidget>\n#include "core/base/error.h"\n#include "widgets/plot.h"\n')
        self.assertEqual(layers.check(self.root), ([], []))

    def test_nothing_to_check_is_an_error(self):
        self.expect(layers.check, "expected sources, got none")

    def test_an_arrow_back(self):
        self.put("hooks/sweep.h", "")
        self.put("core/model.cpp", '#include <string>\n#include "hooks/sweep.h"\n')
        self.expect(layers.check, "core/model.cpp:2", "an arrow back")

    def test_torch_through_a_header(self):
        self.put("core/tensor.h", "#include <ATen/core/Tensor.h>\n")
        self.put("core/model.h", '#include "core/tensor.h"\n')
        self.put("core/base/files.cpp", '#include "core/model.h"\n')
        self.expect(layers.check, "core/base/files.cpp", "core/model.h -> core/tensor.h -> ATen/core/Tensor.h")

    def test_what_widgets_may_not_see(self):
        self.put("hooks/store/store.h", "")
        self.put("core/config.h", "")
        self.put("widgets/a.cpp", '#include "hooks/store/store.h"\n#include "core/config.h"\n')
        errors, _ = layers.check(self.root)
        self.assertEqual(len(errors), 2, errors)

    def test_libraries_out_of_place(self):
        for file, line in (("core/a.cpp", "#include <QString>"), ("analyses/a.cpp", "#include <hdf5.h>"), ("hooks/a.cpp", "#include <cuda_runtime.h>"), ("core/base/ranks.cpp", "#include <mpi.h>"),
                           ("hooks/b.cpp", "#include <torch/torch.h>"), ("core/kernels/x.cu", "#include <ATen/ATen.h>"), ("core/c.cpp", '#include "none.h"')):
            with self.subTest(file=file), tempfile.TemporaryDirectory() as folder:
                self.root = Path(folder)
                self.put(file, line + "\n")
                self.expect(layers.check, f"{file}:1")

    def test_a_commented_include_counts_for_nothing(self):
        self.put("core/a.cpp", "// #include <QString>\n/* \n#include <QString>\n*/\n")
        self.assertEqual(layers.check(self.root), ([], []))

    def test_qcustomplot_has_one_door(self):
        self.put("widgets/plot.h", "#include <qcustomplot.h>\n")
        self.put("tests/gui/test_plot.cpp", "#include <qcustomplot.h>\n")
        self.put("core/a.h", "")
        self.expect(layers.check, "one wrapper header")


class Words(Tree):
    def test_each_rule(self):
        lines = {"core/a.cpp": "// TO" "DO: later", "core/b.h": '"/ro' 'ot/x"', "core/c.cpp": "if (at::hasCUDA())", "hooks/d.cpp": "H5F_LIBVER_LATEST", "core/e.cpp": "#pragma omp parallel", "core/p.cpp": "at::parallel_for(0, n, 1, f);",
                 "tests/CMakeLists.txt": "SKIP_REGULAR_EXPRESSION x", "core/f.h": "using namespace std;", "app/g.cpp": "auto p = fork();", "resources/docs/h.md": "see /ho" "me/me/x"}
        for file, line in lines.items():
            with self.subTest(file=file), tempfile.TemporaryDirectory() as folder:
                self.root = Path(folder)
                self.put(file, f"\n{line}\n")
                self.expect(words.check, f"{file}:2")

    def test_what_is_allowed(self):
        self.put("core/device.cpp", "return at::hasCUDA();\n")
        self.put("core/a.cpp", "// never at::hasCUDA()\n#include <string>  // usr/home/x\n")
        self.assertEqual(words.check(self.root), ([], []))

    def test_a_long_file_is_warned_of(self):
        self.put("core/a.h", "\n" * 121)
        errors, warnings = words.check(self.root)
        self.assertEqual((errors, len(warnings)), ([], 1))


class Links(Tree):
    def test_links_that_lead_somewhere(self):
        self.put("docs/b.md", "# The `cache` command, in short\n")
        self.put("README.md", "[b](docs/b.md#the-cache-command-in-short) [web](https://example.org/x) `[no](link)`\n```\n[no](link)\n```\n# Own\n[own](#own)\n")
        self.assertEqual(links.check(self.root), ([], []))

    def test_a_missing_file(self):
        self.put("README.md", "\n![picture](docs/none.png)\n")
        self.expect(links.check, "README.md:2", "docs/none.png")

    def test_a_missing_heading(self):
        self.put("README.md", "# One\n[two](#two)\n")
        self.expect(links.check, "#two")


class Headers(Tree):
    def problems(self):
        commands = self.root / "compile_commands.json"
        commands.write_text(json.dumps([{"directory": str(self.root), "file": f, "command": f"c++ -I{self.root} -c {f}"} for f in ("core/proved.cpp",)]))
        return headers.check(self.root, commands, "c++")

    def test_alone(self):
        self.put("core/proved.h", "#pragma once\n#error not compiled here: its source includes it first\n")
        self.put("core/proved.cpp", '#include "core/proved.h"\n')
        self.put("core/good.h", "#pragma once\n#include <string>\ninline std::string word() { return {}; }\n")
        self.put("core/torch.h", "#include <ATen/ATen.h>\n")
        self.assertEqual(self.problems(), [])

    def test_a_missing_include(self):
        self.put("core/bad.h", "#pragma once\ninline std::string word() { return {}; }\n")
        problems = self.problems()
        self.assertEqual(len(problems), 1, problems)
        self.assertIn("core/bad.h", problems[0])

    def test_a_missing_guard(self):
        self.put("core/twice.h", "struct Twice {};\n")
        self.assertEqual(len(self.problems()), 1)


if __name__ == "__main__":
    unittest.main()
