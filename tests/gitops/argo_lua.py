"""Argo CD's way of running a health script: a sandboxed Lua 5.1 that is given `obj` and returns status and message."""

from typing import Any

import lupa.lua51 as lua

OUTSIDE = ("io", "os", "package", "require", "dofile", "loadfile", "debug", "python")


def judged(script: str, content: dict[str, Any]) -> tuple[str, str]:
    """Return what Argo CD would show. Like there, the script gets no library that reaches outside."""
    runtime = lua.LuaRuntime(register_eval=False, register_builtins=False)
    for name in OUTSIDE:
        runtime.globals()[name] = None
    runtime.globals()["obj"] = _table(runtime, content)
    found: Any = runtime.execute(script)
    return str(found["status"]), str(found["message"])


def _table(runtime: lua.LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({name: _table(runtime, each) for name, each in value.items()})
    if isinstance(value, list):
        return runtime.table_from([_table(runtime, each) for each in value])
    return value
