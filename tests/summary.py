"""Sums up CTest's JUnit reports: what failed, then what was skipped and why. Exits 1 if a test failed or a report is missing."""
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

GUARD = "lint_failed_and_skipped"  # tests/lint/CMakeLists.txt


def reason(case):
    """The last words of a skipped test: why."""
    lines = [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("SKIP", "skip"))]
    return (told or lines or ["no reason given"])[-1]


def read(file):
    """(passed, failed names, [(skipped name, reason)], errors) of one report."""
    if not Path(file).is_file():
        return 0, [], [], [f"{file}: expected CTest's report, got none"]
    cases = list(xml.parse(file).getroot().iter("testcase"))
    failed = [c.get("name") for c in cases if c.get("status") == "fail"]
    skipped = [(c.get("name"), reason(c)) for c in cases if c.get("status") in ("notrun", "disabled")]
    errors = [f"{GUARD}: expected to run, got skipped: no result can be believed" for name, _ in skipped if name == GUARD]
    return len(cases) - len(failed) - len(skipped), failed, skipped, errors


def main(files):
    wrong = False
    skips = []
    print()
    for file in files:
        preset = Path(file).parent.name
        passed, failed, skipped, errors = read(file)
        wrong = wrong or bool(failed or errors)
        skips += [(preset, *s) for s in skipped]
        print(f"{preset}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped")
        for line in [f"FAILED {name}" for name in failed] + errors:
            print("  " + line)
    for preset, name, why in skips:
        print(f"skipped ({preset}) {name}: {why}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
