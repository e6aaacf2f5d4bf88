"""An agent's tools by langchain-mcp-adapters, as the users' documents configure it; told what to do line by line."""

import asyncio
import json
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main():
    client = MultiServerMCPClient(json.loads(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            tools = {tool.name: tool for tool in await client.get_tools(server_name=order["server"])}
            said = {"result": {"tools": sorted(tools)}}
            if "call" in order:
                said["result"]["answer"] = await tools[order["call"]].ainvoke(order["arguments"])
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {error} {getattr(error, 'exceptions', '')}"}
        print(json.dumps(said), flush=True)


asyncio.run(main())
