"""Step 9: route questions to the agents of the spaces, and measure how well that works.

Reads   plans/manifests/genai-agents-manifest.yaml, genie_spaces.json (the file named by --spaces),
        checkpoints/semantic.json
Writes  agents/routing.json, agents/evaluation.json
"""

import sys

from pipeline.files import fail, read_json, read_yaml, write_json
from pipeline.router import Router
from pipeline.start import begin


def main(spaces_file):
    if not read_json("checkpoints/semantic.json")["passed"]:
        fail("checkpoints/semantic.json holds no passed check")
    manifest = read_yaml("plans/manifests/genai-agents-manifest.yaml")
    spaces = {space["name"]: space for space in read_json(spaces_file)["spaces"]}
    for agent in manifest["agents"]:
        if agent["space"] not in spaces:
            fail(f"{agent['name']} wants {agent['space']}, which {spaces_file} does not have")
    router = Router(spaces.values())
    agents = {agent["space"]: agent["name"] for agent in manifest["agents"]}
    routing = {name: {"space": space, "keywords": router.known[space]} for space, name in agents.items()}
    write_json("agents/routing.json", {"agents": routing})
    asked = [(question["question"], question["space"]) for question in manifest["questions"]]
    mistakes = [
        {"question": question, "wanted": agents[space], "got": agents.get(router.route(question))}
        for question, space in asked
        if router.route(question) != space
    ]
    evaluation = {"questions": len(asked), "accuracy": router.accuracy(asked), "mistakes": mistakes}
    write_json("agents/evaluation.json", {**evaluation, "threshold": manifest["threshold"]})


if __name__ == "__main__":
    begin("9-agents")
    main(sys.argv[sys.argv.index("--spaces") + 1] if "--spaces" in sys.argv else "semantic/genie_spaces.json")
