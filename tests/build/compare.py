# SPDX-License-Identifier: Apache-2.0
"""What a build of a case made beside what the case expects."""
import difflib
import re

import images
import yaml


class Result:
    """What came of the build of a case."""

    def __init__(self, case):
        self.case, self.image, self.output = case, None, ""
        self.error = None  # the text of a build that failed
        self.broken = None  # what went wrong beside the build
        self.seconds = 0

    def expected(self):
        """The result as the lines of a case."""
        if self.error:
            return "error: " + yaml.safe_dump(self.error.strip().splitlines()[-1], width=1000, default_style='"')
        text = literal("tree", self.image.tree)
        if self.image.config:
            text += "config:\n" + "".join(f"  {key}: {flow(value)}\n" for key, value in self.image.config.items())
        return text + literal("history", self.image.history)


def flow(value):
    return yaml.safe_dump(value, default_flow_style=True, width=10000).replace("\n...", "").strip()


def literal(key, text):
    """A text of several lines as YAML has it."""
    if not text:
        return f"{key}: ''\n"
    if re.search(r"[ \t]$", text, re.MULTILINE) or not re.sub(r"[\n\t]", "", text).isprintable() or text.startswith(" "):
        return f"{key}: " + yaml.safe_dump(text, default_style='"', width=10000).strip() + "\n"
    return f"{key}: |\n" + "".join(f"  {line}\n" for line in text.splitlines())


def changes(what, expected, got):
    """The differences of two texts, as one text, or nothing."""
    if expected == got:
        return []
    lines = difflib.unified_diff(expected.splitlines(), got.splitlines(), "expected", "got", lineterm="", n=1)
    return [f"{what}:\n" + "\n".join(list(lines)[2:])]


def config_text(config):
    return "".join(f"{key}: {flow(value)}\n" for key, value in sorted(config.items()))


def plainer(config):
    """A configuration without what the classic builder and Buildah do differently in every image: on scratch they give it
    neither PATH nor the folder "/", and Buildah labels what it makes."""
    config = dict(config)
    if config.get("Env") == [images.PATH]:
        del config["Env"]
    if config.get("WorkingDir") in ("/", None):
        config.pop("WorkingDir", None)
    labels = {name: value for name, value in (config.get("Labels") or {}).items() if name != "io.buildah.version"}
    config["Labels"] = labels
    return {field: value for field, value in config.items() if value or field in ("Cmd", "Entrypoint")}


def older_words(history):
    """A history without what the BuildKit of docker.io 20.10 says in other words than today's: it shows defaults of ARG
    instead of values, arguments of RUN that are defined twice and none of other stages, EXPOSE and HEALTHCHECK in another
    form, WORKDIR as written, and no owners and modes of COPY."""
    lines = []
    for line in history.splitlines():
        if line.startswith(("E HEALTHCHECK ", "E EXPOSE ", "E ARG ", "L WORKDIR ")):
            line = " ".join(line.split()[:2])
        elif line.startswith("L RUN |"):
            line = "L RUN " + line[line.find("/bin/"):]
        elif line.startswith(("L COPY --ch", "L ADD --ch")):
            line = re.sub(r" --ch(own|mod)=\S+", "", line)
        lines.append(line + "\n")
    return "".join(lines)


def differences(result, builder):
    """What differs between a result and its case, as texts. Of peers only the outcome counts, not the words of errors
    and output; histories are only compared with BuildKit's, as the other builders write them in words of their own."""
    case, found = result.case, []
    if result.broken:
        return [result.broken]
    if "error" in case:
        if result.error is None:
            return [f"the build did not fail; expected: {case['error']}"]
        if builder == "berth" and case["error"] not in result.error:
            found.append(f"the error is not the expected one ({case['error']}):\n{result.error.strip()}")
        return found
    if result.error is not None:
        return ["the build failed:\n" + result.error.strip()]
    image, config, wanted = result.image, result.image.config, case.get("config") or {}
    if builder in ("docker", "buildah"):
        config, wanted = plainer(config), plainer(wanted)
    found += changes("tree", case.get("tree", ""), image.tree)
    found += changes("config", config_text(wanted), config_text(config))
    if builder == "berth":
        found += changes("history", case.get("history", ""), image.history)
    if builder == "buildkit":
        found += changes("history", older_words(case.get("history", "")), older_words(image.history))
    if builder == "berth":
        if "layers" in case and case["layers"] != image.layers:
            found.append(f"there are {image.layers} layers, expected {case['layers']}")
        found += [f"not in the output: {line}" for line in case.get("output", []) if line not in result.output]
    found += [f"in the image: {word}" for word in case.get("absent", []) if word.encode() in image.raw]
    if builder == "berth" and found and not result.image.tree and case.get("tree"):
        found.append("output:\n" + result.output.strip())
    return found
