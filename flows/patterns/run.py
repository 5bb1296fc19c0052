"""An example as a whole: the exchange, the backend and the bots, each a process of its own, on ports that are free.

    python flows/patterns/run.py park_bridge
    python flows/patterns/run.py                    # all of them, one after the other

What stands behind a name is handed to `botkit run`, such as `--out DIR`. The exit status is that of the bots, or 2
where something else did not end as it should.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BOTKIT = [sys.executable, "-m", "botkit"]


def play(name, options):
    """Run one example; gives its exit status."""
    print(f"--- {name}", flush=True)
    backend_port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "botkit.yaml"
        settings = (HERE / name / "botkit.yaml").read_text().replace("127.0.0.1:9000", f"127.0.0.1:{backend_port}")
        config.write_text(settings)
        alone = [*BOTKIT, "exchange", "--port", "0", "--json", "--config", str(config)]
        with contextlib.ExitStack() as stack:
            exchange = subprocess.Popen(alone, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            stack.callback(exchange.kill)
            ready = exchange.stdout.readline()
            if not ready:
                return 2
            facts = json.loads(ready)
            config.write_text(settings.replace("ws://127.0.0.1:8080", facts["ws"]))
            where = {
                "PORT": str(backend_port),
                "TELNYX_BASE_URL": facts["rest"],
                "TELNYX_PUBLIC_KEY": facts["public_key"],
            }
            program = [sys.executable, "-m", f"flows.patterns.{name}.backend"]
            backend = subprocess.Popen(program, cwd=ROOT, env={**os.environ, **where})
            stack.callback(backend.kill)
            wait_for(backend, backend_port)
            bots = [HERE / name / "operator.yaml", HERE / name / "caller.yaml"]
            status = subprocess.run([*BOTKIT, "run", *bots, "--config", config, *options], cwd=ROOT).returncode
            # The exchange first: it ends when the last webhooks are delivered.
            for process in (exchange, backend):
                process.terminate()
                if process.wait(timeout=30):
                    status = status or 2
            exchange.stdout.close()
    return status


def free_port():
    """A port that nobody has, a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(process, port):
    """Return when something listens there, or the process has ended."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)


if __name__ == "__main__":
    names = sys.argv[1:2] or sorted(path.parent.name for path in HERE.glob("*/backend.py"))
    sys.exit(max([play(name, sys.argv[2:]) for name in names]))
