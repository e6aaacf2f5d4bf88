"""A small server on fastmcp, at the port that it is told."""

import sys

from fastmcp import Context, FastMCP

mcp = FastMCP("harbour")


@mcp.tool(annotations={"readOnlyHint": True})
def tide(port: str) -> dict:
    """How high the water is."""
    return {"port": port, "metres": 3.5}


@mcp.tool(annotations={"readOnlyHint": True})
async def count(to: int, context: Context) -> str:
    """Counts aloud."""
    for number in range(1, to + 1):
        await context.report_progress(number, to)
    return f"counted to {to}"


@mcp.resource("harbour://rules")
def rules() -> str:
    """What holds here."""
    return "Moor with care."


@mcp.prompt
def hail(ship: str) -> str:
    """How to hail a ship."""
    return f"Ahoy, {ship}!"


mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
