#!/usr/bin/env python3
"""Holds converted workflows against a real ComfyUI; 004-acceptance.md tells how.

usage: accept.py files URL FOLDER OBJECT_INFO           makes the empty files that OBJECT_INFO lists
       accept.py post URL VERDICTS OBJECT_INFO OURS TRUTH  posts the prompts of both folders and compares
FOLDER holds the server's `models` and `input`; VERDICTS is the crate's example of that name.
"""
import collections, json, os, subprocess, sys, time, urllib.error, urllib.request

# Named by official workflows and in no list: the server lists only those in `input/3d`.
UNLISTED = ["motor_cycle.fbx", "toy.glb"]
MARK = "__mark__"


def call(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if text else None
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def lists(value, path=()):
    """Every list of texts in the inputs of all classes, by its path."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield path, value
    elif isinstance(value, (list, dict)):
        for key, item in enumerate(value) if isinstance(value, list) else value.items():
            yield from lists(item, path + (key,))


def choices(classes):
    return dict(lists({name: declared["input"] for name, declared in classes.items()}))


def touch(*path):
    os.makedirs(os.path.dirname(os.path.join(*path)), exist_ok=True)
    open(os.path.join(*path), "a").close()


def files(url, folder, object_info):
    wanted = choices(json.load(open(object_info)))
    models = os.path.join(folder, "models")
    marks = {name: os.path.join(models, name, MARK + name + ".safetensors") for name in os.listdir(models)}
    before = choices(call(url, "/object_info")[1])
    for mark in marks.values():
        touch(mark)
    time.sleep(1)  # The server looks at a folder again when its time of change is another.
    marked = choices(call(url, "/object_info")[1])
    for mark in marks.values():
        os.remove(mark)
    for path, names in wanted.items():
        feeding = [name for name in marks if any(MARK + name + "." in item for item in marked.get(path, []))]
        place = os.path.join(models, max(feeding, key=len)) if feeding else os.path.join(folder, "input")
        for name in set(names) - set(before.get(path, [])):
            touch(place, name)
    for name in UNLISTED:
        touch(folder, "input", name)
    time.sleep(1)
    now = choices(call(url, "/object_info")[1])
    different = [path for path in wanted if wanted[path] != now.get(path)]
    print(len(wanted), "lists,", len(different), "differ", *different)


def post(url, prompt):
    status, answer = call(url, "/prompt", {"prompt": prompt, "client_id": "accept"})
    if status == 200:
        call(url, "/queue", {"clear": True})
        call(url, "/interrupt", {})
    errors = [
        (node, error["type"], (error.get("extra_info") or {}).get("input_name"))
        for node, found in ((answer or {}).get("node_errors") or {}).items()
        for error in found["errors"]
    ]
    return status, ((answer or {}).get("error") or {}).get("type"), sorted(errors, key=str)


def compare(url, verdicts, object_info, ours, truth):
    names = sorted(os.listdir(truth))
    prompts = [json.load(open(os.path.join(ours, name))) for name in names]
    lines = "".join(json.dumps(prompt) + "\n" for prompt in prompts)
    told = subprocess.run([verdicts, object_info, "0.33.0"], input=lines, capture_output=True, text=True, check=True)
    count = collections.Counter(workflows=len(names))
    for name, prompt, line in zip(names, prompts, told.stdout.splitlines()):
        verdict = json.loads(line)
        mine, theirs = post(url, prompt), post(url, json.load(open(os.path.join(truth, name))))
        count[f"ours {mine[0]}"] += 1
        count[f"front end {theirs[0]}"] += 1
        count["same answer"] += mine == theirs
        count["as the verdict says"] += verdict["valid"] == (mine[0] == 200)
        count["errors where the verdict has them"] += bool(verdict["errors"]) == bool(mine[2])
        if mine != theirs or verdict["valid"] != (mine[0] == 200):
            print(name, mine, theirs, verdict["error"], sep="\n  ")
    print(dict(count))


if __name__ == "__main__":
    commands = {"files": files, "post": compare}
    if len(sys.argv) < 5 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
