#!/usr/bin/env python3
"""Opens lifted workflows in ComfyUI's front end, in a browser; 005-lift.md tells how.

usage: lift_in_browser.py URL BROWSER TOLD LIFTED canvas|vue [PICTURES]
TOLD is what the crate's example `lift` printed while it wrote the folder LIFTED; `vue` draws nodes in the
page instead of on its canvas; PICTURES is a folder for one picture of each workflow.
"""
import asyncio, base64, collections, json, os, pathlib, sys, tempfile
import aiohttp

# What the page makes itself: pictures of a scene, a player once a video is there, a canvas as large as its picture.
MADE = {"Load3D.image", "LoadVideo.video-preview", "Painter.mask", "Painter.width", "Painter.height"}
LOAD = """async (workflow) => {
  const sizes = () => JSON.stringify(app.rootGraph.nodes.map((node) => [...node.pos, ...node.size]))
  const pause = (ms) => new Promise((done) => setTimeout(done, ms))
  app.extensionManager.toast.removeAll()
  for (const close of document.querySelectorAll('.p-dialog-close-button')) close.click()
  await app.loadGraphData(workflow)
  app.canvas.draw(true, true)
  // Nodes grow while their pictures load and are drawn.
  for (let last = '', quiet = 0, waited = 0; quiet < 4 && waited < 40; waited++) {
    await pause(100)
    quiet = sizes() === last ? quiet + 1 : 0
    last = sizes()
  }
  const texts = (all) => [...document.querySelectorAll(all)].filter((one) => one.checkVisibility()).map((one) => one.innerText)
  // As text: the browser's protocol does not see through the front end's proxies.
  return JSON.stringify({
    prompt: (await app.graphToPrompt()).output,
    nodes: app.rootGraph.nodes.map((node) => ({id: String(node.id), type: node.type, box: [...node.getBounding()],
      broken: node.has_errors === true})),
    links: [...app.rootGraph.links.values()].map((link) => [String(link.origin_id), String(link.target_id)]),
    told: texts('[role=dialog], [role=alertdialog], [data-testid=error-overlay], .p-toast-message'),
  })
}"""
FIT = """async () => { await app.extensionManager.command.execute('Comfy.Canvas.FitView')
  await new Promise((done) => setTimeout(done, 1200)) }"""


class Page:
    """A page of the browser, driven by its debugging protocol."""

    def __init__(self, socket):
        self.socket, self.last, self.waiting, self.complaints = socket, 0, {}, []
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for frame in self.socket:
            event = json.loads(frame.data)
            params = event.get("params", {})
            if "id" in event:
                self.waiting.pop(event["id"]).set_result(event)
            elif event["method"] == "Runtime.exceptionThrown":
                thrown = params["exceptionDetails"]
                self.complaints.append(thrown.get("exception", {}).get("description") or thrown["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                said = (one.get("value") or one.get("description") or "" for one in params["args"])
                self.complaints.append(params["type"] + ": " + " ".join(map(str, said)))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                self.complaints.append(f'{params["entry"]["text"]} {params["entry"].get("url", "")}')

    async def send(self, method, **params):
        self.last += 1
        self.waiting[self.last] = answer = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self.last, "method": method, "params": params})
        return (await asyncio.wait_for(answer, 120)).get("result", {})

    async def call(self, function, *arguments):
        text = f"({function})({', '.join(map(json.dumps, arguments))})"
        answer = await self.send("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description"))
        return answer["result"].get("value")

    async def until(self, condition):
        while not await self.call(f"() => Boolean({condition})"):
            await asyncio.sleep(0.3)


def plain(value):
    """A value without the wrapping that the server takes off."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def differences(told, prompt):
    """The inputs that are not as they were, and that no finding names."""
    new = lambda id: str(told["renamed"].get(id, id))
    wanted = json.load(open(told["file"]))
    if {new(id) for id in wanted} != set(prompt):
        yield "other nodes"
    for id, node in wanted.items():
        sent = prompt.get(new(id), {"class_type": None, "inputs": {}})
        if sent["class_type"] != node["class_type"]:
            yield f'{id} is {sent["class_type"]} instead of {node["class_type"]}'
        for name in node["inputs"] | sent["inputs"]:
            before, after = node["inputs"].get(name), sent["inputs"].get(name)
            if isinstance(before, list) and len(before) == 2 and isinstance(before[0], str):
                before = [new(before[0]), before[1]]
            named = f"{node['class_type']}.{name}" in MADE or any(f"node {id} " in one and f"`{name}`" in one for one in told["findings"])
            if plain(before) != plain(after) and not named:
                yield f"{id} {node['class_type']}.{name}: {json.dumps(before)[:90]} -> {json.dumps(after)[:90]}"


def overlaps(nodes):
    for at, one in enumerate(nodes):
        for other in nodes[:at]:
            (x, y, width, height), (left, top, across, down) = one["box"], other["box"]
            if x < left + across and left < x + width and y < top + down and top < y + height:
                yield f"{one['type']} {one['id']} on {other['type']} {other['id']}"


def backwards(shown):
    boxes = {node["id"]: node["box"] for node in shown["nodes"]}
    return sum(boxes[start][0] + boxes[start][2] > boxes[end][0] for start, end in shown["links"])


async def look(page, told, lifted, pictures, count):
    name = os.path.basename(told["file"])
    page.complaints.clear()
    shown = json.loads(await page.call(LOAD, json.load(open(os.path.join(lifted, name)))))
    faults = {
        "differs": list(differences(told, shown["prompt"])),
        "overlaps": list(overlaps(shown["nodes"])),
        "broken nodes": [node["type"] for node in shown["nodes"] if node["broken"]],
        "dialogs": shown["told"],
        "console": page.complaints,
    }
    count.update(workflows=1, nodes=len(shown["nodes"]), links=len(shown["links"]), backwards=backwards(shown))
    for kind, found in faults.items():
        count[kind] += bool(found)
        for one in dict.fromkeys(found):
            print(name, kind, one.replace("\n", " ")[:300], sep=": ")
    if pictures:
        await page.call(FIT)
        picture = await page.send("Page.captureScreenshot", format="png")
        pathlib.Path(pictures, name).with_suffix(".png").write_bytes(base64.b64decode(picture["data"]))
    return shown


async def main(url, browser, told, lifted, drawn, pictures=None):
    told = [json.loads(line) for line in open(told)]
    settings = {"Comfy.TutorialCompleted": True, "Comfy.Workflow.Persist": False, "Comfy.VueNodes.Enabled": drawn == "vue"}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            browser, "--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", "--remote-debugging-port=0",
            "--window-size=1600,1000", f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.DEVNULL)
        try:
            async with aiohttp.ClientSession() as session:
                await session.post(url + "/api/settings", json=settings)
                port = pathlib.Path(profile, "DevToolsActivePort")
                while not (port.exists() and port.read_text().strip()):
                    await asyncio.sleep(0.1)
                async with session.get(f"http://127.0.0.1:{port.read_text().split()[0]}/json") as answer:
                    target = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    for domain in ("Runtime", "Log", "Page"):
                        await page.send(domain + ".enable")
                    await page.send("Emulation.setDeviceMetricsOverride", width=1600, height=1000, deviceScaleFactor=1, mobile=False)
                    await page.send("Page.navigate", url=url)
                    await page.until("window.app?.extensionManager && window.app.rootGraph && LiteGraph.registered_node_types.KSampler")
                    await page.call("() => new Promise((done) => setTimeout(done, 3000))")
                    count = collections.Counter()
                    for one in told:
                        await look(page, one, lifted, pictures, count)
                    print(dict(count))
        finally:
            process.terminate()
            await process.wait()


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7) or sys.argv[5] not in ("canvas", "vue"):
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
