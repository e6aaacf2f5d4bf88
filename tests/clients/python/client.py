"""An application on the Python SDK, told what to do line by line (JSON on standard input, answers on standard output).

When its user must visit a page it says `{"visit": url}` and takes the next line as `{"callback": url}`.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


def say(message):
    """Hands one line to the test."""
    print(json.dumps(message), flush=True)


async def hear():
    """Takes one line from the test; the end of input ends the program."""
    line = await asyncio.to_thread(sys.stdin.readline)
    if not line:
        raise SystemExit(0)
    return json.loads(line)


class Memory:
    """Keeps tokens and registration for as long as the program runs."""

    tokens = None
    client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


class User:
    """The person is in the test; this only passes notes."""

    async def visit(self, url):
        say({"visit": url})

    async def callback(self):
        query = parse_qs(urlsplit((await hear())["callback"]).query)
        one = {name: values[0] for name, values in query.items()}
        return AuthorizationCodeResult(code=one.get("code", ""), state=one.get("state"), iss=one.get("iss"))


async def obey(order, client, memory):
    """Does one thing and returns what came of it."""
    match order["do"]:
        case "about":
            return {"protocol": client.protocol_version}
        case "tools":
            listed = await client.list_tools()
            return {"tools": [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]}
        case "call":
            result = await client.call_tool(order["name"], order.get("arguments", {}))
            return result.model_dump(mode="json", by_alias=True, exclude_none=True)
        case "kept":
            return {
                "tokens": memory.tokens and memory.tokens.model_dump(mode="json", exclude_none=True),
                "client": memory.client_info and memory.client_info.model_dump(mode="json", exclude_none=True),
            }


async def main():
    settings = json.loads(sys.argv[1])
    memory, user = Memory(), User()
    provider = OAuthClientProvider(
        server_url=settings["url"],
        client_metadata=OAuthClientMetadata(
            client_name=settings["name"],
            redirect_uris=[settings["redirect"]],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=memory,
        redirect_handler=user.visit,
        callback_handler=user.callback,
        client_metadata_url=settings.get("metadata"),
    )
    http = create_mcp_http_client(auth=provider)
    async with http, Client(
        streamable_http_client(settings["url"], http_client=http), mode=settings.get("mode", "auto")
    ) as client:
        say({"ready": True})
        while True:
            order = await hear()
            try:
                say({"result": await obey(order, client, memory)})
            except Exception as error:
                say({"error": f"{type(error).__name__}: {error}"})


asyncio.run(main())
