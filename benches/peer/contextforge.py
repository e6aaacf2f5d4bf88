"""ContextForge before one MCP server, for `benches/gateway.rs`: says where a tool can be called, and with which token.

Its pages, its observability, its metrics and its limits on requests are switched off, it keeps what it can in memory, and it writes no log
line below an error. Its database is SQLite in a directory of its own.
"""

import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
import urllib.request

upstream = sys.argv[1]
data = tempfile.mkdtemp()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

ADMIN = "admin@example.com"
os.chdir(data)
os.environ.update(
    DATABASE_URL=f"sqlite:///{data}/mcp.db",
    JWT_SECRET_KEY=secrets.token_urlsafe(48),
    AUTH_ENCRYPTION_SECRET=secrets.token_urlsafe(48),
    BASIC_AUTH_PASSWORD=secrets.token_urlsafe(24) + "aA1!",
    PLATFORM_ADMIN_EMAIL=ADMIN,
    PLATFORM_ADMIN_PASSWORD=secrets.token_urlsafe(24) + "aA1!",
    DEFAULT_USER_PASSWORD=secrets.token_urlsafe(24) + "aA1!",
    MCPGATEWAY_UI_ENABLED="false",
    MCPGATEWAY_ADMIN_API_ENABLED="true",
    LOG_LEVEL="ERROR",
    CACHE_TYPE="memory",
    OBSERVABILITY_ENABLED="false",
    DB_METRICS_RECORDING_ENABLED="false",
    CORRELATION_ID_ENABLED="false",
    COMPRESSION_ENABLED="false",
    STRUCTURED_LOGGING_ENABLED="false",
    PLUGINS_ENABLED="false",
    SSRF_ALLOW_LOCALHOST="true",
    SSRF_ALLOW_PRIVATE_NETWORKS="true",
    RATE_LIMITING_ENABLED="false",
    TOOL_RATE_LIMIT="1000000",
)

import uvicorn  # noqa: E402  (the settings above are read when it is imported)
from mcpgateway.main import app  # noqa: E402
from mcpgateway.utils.create_jwt_token import create_jwt_token  # noqa: E402
import asyncio  # noqa: E402

server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False))
token = asyncio.run(create_jwt_token({"sub": ADMIN, "username": ADMIN}, expires_in_minutes=600))


def ask(method, path, body=None):
    """One request to its management API."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise SystemExit(f"{method} {path}: {refused.code} {refused.read().decode()}") from refused


def set_up():
    """Registers the server, and makes a virtual one of its tools."""
    while not server.started:
        time.sleep(0.05)
    ask("POST", "/gateways", {"name": "upstream", "url": upstream, "transport": "STREAMABLEHTTP"})
    tools = []
    while not tools:
        time.sleep(0.2)
        tools = [tool for tool in ask("GET", "/tools") if tool["originalName"] == "tool0"]
    made = ask("POST", "/servers", {"server": {"name": "bench", "associated_tools": [tools[0]["id"]]}})
    print(json.dumps({"port": port, "token": token, "path": f"/servers/{made['id']}/mcp/", "tool": tools[0]["name"]}))
    sys.stdout.flush()


threading.Thread(target=set_up, daemon=True).start()
server.run()
