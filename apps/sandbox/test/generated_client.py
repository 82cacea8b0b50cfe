"""Uses the service through a client that nobody here wrote: its only source is the OpenAPI document."""

import sys

from sandbox_client import Client
from sandbox_client.api.default import (
    create_sandbox,
    execute,
    get_files,
    get_sandbox,
    get_stats,
    health,
    list_sandboxes,
    remove_files,
    remove_sandbox,
)
from sandbox_client.models import CreateSandbox, Execute, File, Problem, Result, Sandbox

client = Client(base_url=sys.argv[1])


def told(what, *values):
    print(what + ":", *values)


request = CreateSandbox(
    runtime="sh",
    code="cat lib/data.txt; exit 3",
    files=[File(path="lib/data.txt", content="written by Python\n")],
    keep=True,
)
box = create_sandbox.sync(client=client, body=request)
assert isinstance(box, Sandbox), box
told("created", box.runtime, box.state.value, [file.path for file in box.files])

ran = execute.sync(box.id, client=client, body=Execute())
assert isinstance(ran, Result), ran
told("ran", ran.ending, ran.exit_code, repr(ran.stdout))

echoed = execute.sync(box.id, client=client, body=Execute(command="cat", stdin="in and out"))
told("echoed", echoed.stdout)

told("sandbox", get_sandbox.sync(box.id, client=client).id == box.id)
told("listed", box.id in [one.id for one in list_sandboxes.sync(client=client).sandboxes])
told("stats", get_stats.sync_detailed(box.id, client=client).status_code.value)
told("file", get_files.sync_detailed(box.id, client=client, path="lib/data.txt").content.decode().strip())
told("file removed", remove_files.sync_detailed(box.id, client=client, path="lib").status_code.value)
told("removed", remove_sandbox.sync_detailed(box.id, client=client).status_code.value)

gone = get_sandbox.sync(box.id, client=client)
assert isinstance(gone, Problem), gone
told("gone", gone.status, gone.code.value, gone.last_result.stdout)

refused = create_sandbox.sync(client=client, body=CreateSandbox(runtime="no-such-language"))
assert isinstance(refused, Problem), refused
told("refused", refused.status, refused.code.value)
told("health", health.sync(client=client).status.value)
