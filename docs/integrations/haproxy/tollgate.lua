-- Asks Tollgate about a request:
--   http-request lua.tollgate_own 127.0.0.1:8082 if { path /rate_limit }
--   http-request lua.tollgate 127.0.0.1:8082
--
-- tollgate: a request that may pass goes on with the verified identity; any other gets Tollgate's answer
-- as it is. tollgate_own: the client gets what Tollgate answers itself. Where Tollgate cannot be asked, or
-- the client has no address (a UNIX socket), nobody passes: 503.

-- Milliseconds until an answer is there. HAProxy then asks again by itself, three times at most.
local TIMEOUT_MS = 1000

-- Fields that Tollgate says who calls in, and that replace a client's own. Where the policy's
-- `forward.identity_headers` or `edge.id_header` gives them other names, write those here; the field of
-- `edge.pass` is to be deleted.
local IDENTITY = {
    ["x-tollgate-subject"] = true, ["x-tollgate-account"] = true, ["x-tollgate-plan"] = true,
    ["x-ratelimit-user-id"] = true,
}

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

local function answer_with(txn, status, headers, body)
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
    local source = txn.sf:src()
    -- Without it, the last hop would be what the client wrote.
    if not source or source == "" then error("the client has no address") end
    hops[#hops + 1] = source
    fields["x-forwarded-for"] = { table.concat(hops, ", ") }
    return fields
end

local function ask(txn, address, path)
    return core.httpclient():get {
        url = "http://" .. address .. path,
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

-- Tollgate's answer; nil where there was none, and the client has been told so.
local function answer_of(txn, address, path)
    local asked, answer = pcall(ask, txn, address, path)
    if asked and is_tollgates(answer) then return answer end
    local headers = {
        ["content-type"] = { "application/problem+json" },
        ["cache-control"] = { "no-store" },
        ["retry-after"] = { "5" },
    }
    answer_with(txn, 503, headers, '{"type":"about:blank","title":"Service Unavailable","status":503}')
end

core.register_action("tollgate_own", { "http-req" }, function(txn, address)
    local answer = answer_of(txn, address, "/own")
    if answer then answer_with(txn, answer.status, answer.headers, answer.body) end
end, 1)

core.register_action("tollgate", { "http-req" }, function(txn, address)
    local answer = answer_of(txn, address, "/check")
    if not answer then return end
    if answer.status ~= 200 then
        answer_with(txn, answer.status, answer.headers, answer.body)
        return
    end
    -- A client's own goes also where there is nothing to say.
    for name in pairs(IDENTITY) do
        txn.http:req_del_header(name)
        local list = answer.headers[name]
        local value = list and values(list)[1] or ""
        if value ~= "" then txn.http:req_set_header(name, value) end
    end
    for variable, name in pairs { tollgate_left = "ratelimit", tollgate_limits = "ratelimit-policy" } do
        local list = answer.headers[name]
        if list then txn:set_var("txn." .. variable, values(list)[1] or "") end
    end
end, 1)
