"""Holds the pipelines to the recipes: each step is `just RECIPE`, or prepares the machine by
.ci/setup; the recipes exist; what looks into the history has it; and both makers of pipelines,
GitHub and GitLab, run the same."""

import glob
import re
import sys

from ruamel.yaml import YAML

SETUP = re.compile(r'(export PATH=\$\(bash \.ci/setup( [a-z]+)*\):\$PATH|bash \.ci/setup( [a-z]+)* >>"\$GITHUB_PATH")$')
JUST = re.compile(r"just ([a-z-]+)( [A-Za-z0-9=.-]+)*$")
NEED_HISTORY = {"ci", "packages", "images", "chart", "deploy"}

with open("justfile", encoding="utf-8") as f:
    recipes = set(re.findall(r"^([a-z][a-z-]*)(?: .*)?:$", f.read(), re.MULTILINE))
wrong = []


def load(path):
    with open(path, encoding="utf-8") as f:
        return YAML(typ="safe", pure=True).load(f)


def calls(where, lines):
    """The recipes that lines call; any other line is an error."""
    found = set()
    for line in (one.strip() for text in lines for one in text.splitlines() if one.strip()):
        call = JUST.match(line)
        if call and call.group(1) in recipes:
            found.add(call.group(1))
        elif call:
            wrong.append(f"{where}: the justfile has no recipe {call.group(1)}")
        elif not SETUP.match(line):
            wrong.append(f"{where}: {line!r} is logic of its own; make it a recipe")
    return found


def github():
    everything = set()
    for path in sorted(glob.glob(".github/workflows/*.yml")):
        for name, job in load(path)["jobs"].items():
            where = f"{path}, job {name}"
            steps = job["steps"]
            called = calls(where, [step["run"] for step in steps if "run" in step])
            checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
            if called & NEED_HISTORY and any(str(step.get("with", {}).get("fetch-depth")) != "0" for step in checkouts):
                wrong.append(f"{where}: needs the history, fetch-depth: 0")
            wrong.extend(
                f"{where}: {step['uses']} is not pinned by its commit"
                for step in steps
                if "uses" in step and not re.search(r"@[0-9a-f]{40}$", step["uses"])
            )
            everything |= called
    return everything


def gitlab():
    everything = set()
    file = load(".gitlab-ci.yml")
    calls(".gitlab-ci.yml, default", file["default"]["before_script"])
    for name, job in file.items():
        if isinstance(job, dict) and "script" in job:
            everything |= calls(f".gitlab-ci.yml, job {name}", job["script"] + job.get("before_script", []))
    if everything & NEED_HISTORY and file["variables"].get("GIT_DEPTH") != "0":
        wrong.append('.gitlab-ci.yml: needs the history, GIT_DEPTH: "0"')
    return everything


ours, theirs = github(), gitlab()
if ours != theirs:
    wrong.append(f"GitHub and GitLab do not run the same: {sorted(ours ^ theirs)}")
if not ours:
    wrong.append("the pipelines call no recipe")
for one in wrong:
    print(one, file=sys.stderr)
sys.exit(1 if wrong else 0)
