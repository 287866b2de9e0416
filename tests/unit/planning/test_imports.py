"""What Snakemake imports to read the rules costs little: every job on a cluster pays it again."""

import ast
import subprocess
import sys

from peftport.paths import pipeline_root

HEAVY = ("pandas", "torch", "transformers", "pyarrow", "matplotlib", "scipy")


def test_the_rules_load_no_heavy_library():
    text = (pipeline_root() / "workflow/rules/common.smk").read_text().partition("\nBEGAN")[0]
    modules = [node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    assert "peftport.planning.rules" in modules
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        f"    print(name, *(heavy for heavy in {HEAVY!r} if heavy in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == modules
