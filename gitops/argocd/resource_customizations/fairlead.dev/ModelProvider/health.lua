-- The health of Fairlead's objects in Argo CD: how they are configured, not how a vendor feels today.
-- The same file serves ModelProvider, RoutePolicy and ModelGateway.

local function condition(kind)
  local status = obj.status or {}
  for _, each in ipairs(status.conditions or {}) do
    -- What speaks of an older generation says nothing of this one.
    if each.type == kind and each.observedGeneration == obj.metadata.generation then
      return each
    end
  end
  return { status = "Unknown", reason = "Pending", message = "the operator has not looked at this generation yet" }
end

local function health(status, told)
  local message = told.reason or ""
  if told.message ~= nil and told.message ~= "" then
    message = message .. ": " .. told.message
  end
  return { status = status, message = message }
end

-- States of Programmed that pass by themselves; every other one that is not True wants somebody's hand.
local passing = { Pending = true, Partial = true, NoProxies = true }

local function served()
  -- A vendor's outage makes nothing Degraded as long as one rule has a target.
  local rules = (obj.status or {}).rules or {}
  for _, rule in ipairs(rules) do
    if rule.state ~= "NoTarget" then
      return true
    end
  end
  return #rules == 0
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end

for _, kind in ipairs({ "Accepted", "ResolvedRefs" }) do
  local found = condition(kind)
  if found.status == "False" then
    return health("Degraded", found)
  end
end

local programmed = condition("Programmed")
if programmed.reason == "NoGateway" then
  -- No gateway holds it, and that may be meant so. A sync wave must not hang on it, and only Healthy ends a wave:
  -- Argo CD waits on Suspended as on Progressing (gitops-engine/pkg/sync/sync_context.go, Sync).
  return health("Healthy", programmed)
end
if programmed.status ~= "True" then
  return health(passing[programmed.reason] and "Progressing" or "Degraded", programmed)
end

for _, kind in ipairs({ "Accepted", "ResolvedRefs" }) do
  local found = condition(kind)
  if found.status ~= "True" then
    return health("Progressing", found)
  end
end

if obj.kind == "ModelGateway" then
  local available = condition("Available")
  return health(available.status == "True" and "Healthy" or "Progressing", available)
end

local observed = condition(obj.kind == "ModelProvider" and "Healthy" or "Available")
if obj.kind == "RoutePolicy" and observed.status == "False" and not served() then
  return health("Degraded", observed)
end
return health("Healthy", observed)
