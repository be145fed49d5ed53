-- Asks Tollgate's check endpoint about a request:
--   http-request lua.tollgate 127.0.0.1:8082
--
-- A request that may pass goes on with the verified identity; any other gets Tollgate's answer as it
-- is. Where Tollgate cannot be asked, nobody passes: 503.

-- Milliseconds until an answer is there.
local TIMEOUT_MS = 1000

-- Fields of the question that are ours to write, or the connection's.
local OURS = {
    ["host"] = true, ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
    ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
    ["content-length"] = true, ["expect"] = true, ["accept-encoding"] = true,
    ["x-forwarded-method"] = true, ["x-forwarded-uri"] = true, ["x-forwarded-for"] = true,
    ["x-original-method"] = true, ["x-original-uri"] = true, ["x-original-url"] = true,
}

-- Fields of an answer that are the connection's.
local OF_THE_CONNECTION = {
    ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true,
    ["content-length"] = true, ["date"] = true,
}

-- The values of a field, whichever number they are counted from.
local function values(list)
    local found = {}
    for index = 0, #list do
        if list[index] then found[#found + 1] = list[index] end
    end
    return found
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply { status = status }
    for name, list in pairs(headers) do
        if not OF_THE_CONNECTION[name] then
            for _, value in ipairs(values(list)) do reply:add_header(name, value) end
        end
    end
    if txn.sf:method() ~= "HEAD" then reply:set_body(body or "") end
    txn:done(reply)
end

local function question(txn)
    local fields = {}
    for name, list in pairs(txn.http:req_get_headers()) do
        if not OURS[name] then fields[name] = values(list) end
    end
    fields["x-forwarded-method"] = { txn.sf:method() }
    fields["x-forwarded-uri"] = { txn.sf:pathq() }
    -- The client's address as HAProxy sees it, after what came with the request.
    local before = txn.http:req_get_headers()["x-forwarded-for"]
    local hops = before and values(before) or {}
    hops[#hops + 1] = txn.sf:src()
    fields["x-forwarded-for"] = { table.concat(hops, ", ") }
    return fields
end

local function ask(txn, address)
    return core.httpclient():get {
        url = "http://" .. address .. "/check",
        headers = question(txn),
        timeout = TIMEOUT_MS,
    }
end

-- Whether an answer is Tollgate's: HAProxy makes one itself where nobody listens.
local function is_tollgates(answer)
    if not answer or not answer.headers then return false end
    if answer.status == 200 then return true end
    local kind = answer.headers["content-type"]
    return kind ~= nil and values(kind)[1] == "application/problem+json"
end

core.register_action("tollgate", { "http-req" }, function(txn, address)
    local asked, answer = pcall(ask, txn, address)
    if not asked or not is_tollgates(answer) then
        local headers = {
            ["content-type"] = { "application/problem+json" },
            ["cache-control"] = { "no-store" },
            ["retry-after"] = { "5" },
        }
        refuse(txn, 503, headers, '{"type":"about:blank","title":"Service Unavailable","status":503}')
        return
    end
    if answer.status ~= 200 then
        refuse(txn, answer.status, answer.headers, answer.body)
        return
    end
    for name, list in pairs(answer.headers) do
        local value = values(list)[1] or ""
        if name == "ratelimit" then
            txn:set_var("txn.tollgate_left", value)
        elseif name == "ratelimit-policy" then
            txn:set_var("txn.tollgate_limits", value)
        elseif name:sub(1, 11) == "x-tollgate-" then
            -- A client's own is removed also where there is nothing to say.
            txn.http:req_del_header(name)
            if value ~= "" then txn.http:req_set_header(name, value) end
        end
    end
end, 1)
