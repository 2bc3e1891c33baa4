#!/usr/bin/env python3
"""Deterministic OTLP trace payload generator (no dependencies).

Writes ExportTraceServiceRequest bodies as protobuf (.pb) and OTLP/JSON (.json):
  mix_<batch>_<i>    30 % GenAI spans, 70 % small HTTP/DB/RPC spans   (the main workload)
  genai_<batch>_<i>  100 % GenAI spans
  small_<batch>_<i>  0 % GenAI spans
  mixdesc_<batch>_<i>.pb  same spans as mix_, every message in descending field order (what otelcol emits)
GenAI span: ~20 attributes incl. prompt+completion text 0.5-4 KB (log-uniform total).
Small span: ~10 attributes.  Shape: 1-4 ResourceSpans, each 1-3 ScopeSpans.
Same seed -> byte-identical output.
usage: payloads.py OUTDIR [--n 8] [--seed 1] [--batches 1,100,512]
"""
import argparse, json, math, os, random, struct

# ---------------------------------------------------------------- protobuf wire
def vi(n):
    n &= (1 << 64) - 1
    o = bytearray()
    while True:
        b = n & 0x7f
        n >>= 7
        if n: o.append(b | 0x80)
        else:
            o.append(b); return bytes(o)
def tag(f, w): return vi(f << 3 | w)
def ld(f, b): return tag(f, 2) + vi(len(b)) + b
def s(f, x): return ld(f, x.encode()) if x else b''
def u(f, n): return tag(f, 0) + vi(n) if n else b''
def f64(f, n): return tag(f, 1) + struct.pack('<Q', n) if n else b''
def f32(f, n): return tag(f, 5) + struct.pack('<I', n) if n else b''

DESC = False  # True: descending field order, as the Go Collector's pdata marshaler emits (elements of repeated fields keep their order)
def msg(*fields):
    """fields in ascending field-number order -> message bytes"""
    return b''.join(reversed(fields) if DESC else fields)
def pb_any(v):
    if isinstance(v, bool): return tag(2, 0) + vi(int(v))
    if isinstance(v, int): return tag(3, 0) + vi(v)
    if isinstance(v, float): return tag(4, 1) + struct.pack('<d', v)
    if isinstance(v, str): return ld(1, v.encode())
    if isinstance(v, (list, tuple)): return ld(5, b''.join(ld(1, pb_any(x)) for x in v))
    if isinstance(v, dict): return ld(6, b''.join(ld(1, pb_kv(k, x)) for k, x in v.items()))
    if isinstance(v, bytes): return ld(7, v)
    raise TypeError(v)
def pb_kv(k, v): return msg(s(1, k), ld(2, pb_any(v)))
def pb_attrs(f, a): return b''.join(ld(f, pb_kv(k, v)) for k, v in a)
def pb_span(p):
    st = p.get('status')
    return msg(ld(1, p['trace']), ld(2, p['span']), ld(4, p['parent']) if p.get('parent') else b'',
        s(5, p['name']), u(6, p['kind']), f64(7, p['t0']), f64(8, p['t1']), pb_attrs(9, p['attrs']),
        b''.join(ld(11, msg(f64(1, e['t']), s(2, e['name']), pb_attrs(3, e['attrs']))) for e in p.get('events', ())),
        b''.join(ld(13, msg(ld(1, l['trace']), ld(2, l['span']), pb_attrs(4, l['attrs']))) for l in p.get('links', ())),
        b'' if st is None else ld(15, msg(s(2, st[1]), u(3, st[0]))), f32(16, p.get('flags', 0)))
def pb_req(rs):
    o = []
    for r in rs:
        o.append(ld(1, msg(ld(1, pb_attrs(1, r['attrs'])),
            b''.join(ld(2, msg(ld(1, msg(s(1, sc['name']), s(2, sc['ver']))), b''.join(ld(2, pb_span(p)) for p in sc['spans']), s(3, sc['schema']))) for sc in r['scopes']),
            s(3, r['schema']))))
    return b''.join(o)

# ---------------------------------------------------------------- OTLP/JSON
def js_any(v):
    if isinstance(v, bool): return {'boolValue': v}
    if isinstance(v, int): return {'intValue': str(v)}
    if isinstance(v, float): return {'doubleValue': v}
    if isinstance(v, str): return {'stringValue': v}
    if isinstance(v, (list, tuple)): return {'arrayValue': {'values': [js_any(x) for x in v]}}
    if isinstance(v, dict): return {'kvlistValue': {'values': [{'key': k, 'value': js_any(x)} for k, x in v.items()]}}
    import base64
    return {'bytesValue': base64.b64encode(v).decode()}
def js_attrs(a): return [{'key': k, 'value': js_any(v)} for k, v in a]
def js_span(p):
    d = {'traceId': p['trace'].hex(), 'spanId': p['span'].hex()}
    if p.get('parent'): d['parentSpanId'] = p['parent'].hex()
    d.update(name=p['name'], kind=p['kind'], startTimeUnixNano=str(p['t0']), endTimeUnixNano=str(p['t1']), attributes=js_attrs(p['attrs']))
    if p.get('events'): d['events'] = [{'timeUnixNano': str(e['t']), 'name': e['name'], 'attributes': js_attrs(e['attrs'])} for e in p['events']]
    if p.get('links'): d['links'] = [{'traceId': l['trace'].hex(), 'spanId': l['span'].hex(), 'attributes': js_attrs(l['attrs'])} for l in p['links']]
    st = p.get('status')
    # opentelemetry-js writes {"code":0} for an unset status; the Collector writes {} (which fluent-bit 5.1 rejects with 400)
    d['status'] = {'code': 0} if st is None else {k: v for k, v in (('message', st[1]), ('code', st[0])) if v}
    if p.get('flags'): d['flags'] = p['flags']
    return d
def js_req(rs):
    return json.dumps({'resourceSpans': [{'resource': {'attributes': js_attrs(r['attrs'])},
        'scopeSpans': [{'scope': {'name': sc['name'], 'version': sc['ver']}, 'spans': [js_span(p) for p in sc['spans']], 'schemaUrl': sc['schema']} for sc in r['scopes']],
        'schemaUrl': r['schema']} for r in rs]}, separators=(',', ':'), ensure_ascii=False).encode()

# ---------------------------------------------------------------- content
COMMON = ("the of and to a in is it you that he was for on are with as I his they be at one have this from or had by hot but some what there we can out other were all your when up use word how said an each she which do their time if will way about many then them would write like so these her long make thing see him two has look more day could go come did my sound no most number who over know water than call first people may down side been now find any new work part take get place made live where after back little only round man year came show every good me give our under name very through just form sentence great think say help low line differ turn cause much mean before move right boy old too same tell does set three want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father head stand own page should country found answer school grow study still learn plant cover food sun four between state keep eye never last let thought city tree cross farm hard start might story saw far sea draw left late run while press close night real life few north open seem together next white children begin got walk example ease paper group always music those both mark often letter until mile river car feet care second book carry took science eat room friend began idea fish mountain stop once base hear horse cut sure watch color face wood main").split()
SYL = "ba be bi bo ca ce ci co cu da de di do du fa fe fi ga ge go ha he hi ho ja ka ke ki la le li lo lu ma me mi mo mu na ne ni no pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo wa we ya zo tion ment ing er ly ness able ous ive al ent ant ism ist ure age".split()
def vocab():
    r = random.Random(4242)
    v = list(COMMON)
    seen = set(v)
    while len(v) < 6000:
        w = ''.join(r.choice(SYL) for _ in range(r.randint(2, 4)))
        if w not in seen: seen.add(w); v.append(w)
    cw, t = [], 0.0
    for i in range(len(v)):
        t += 1.0 / (i + 2.7) ** 1.02
        cw.append(t)
    return v, cw
VOC, CW = vocab()
def text(r, n):
    """about n bytes of Zipf-distributed prose; a few non-ASCII characters, quotes and newlines as real prompts have"""
    ws = r.choices(VOC, cum_weights=CW, k=max(4, n // 5))
    out, ln, i = [], 0, 0
    cap = True
    while ln < n:
        if i == len(ws): ws += r.choices(VOC, cum_weights=CW, k=50)
        w = ws[i]; i += 1
        if cap: w = w.capitalize(); cap = False
        q = r.random()
        if q < .08: w += '.'; cap = True
        elif q < .14: w += ','
        elif q < .15: w = '\u201c' + w + '\u201d'
        elif q < .157: w += ' \u2014'
        elif q < .16: w = '"' + w + '"'
        elif q < .172: w += '\n'
        elif q < .18: w += ' ' + str(r.randint(0, 9999))
        out.append(w); ln += len(w.encode()) + 1
    return ' '.join(out)

MODELS = [('openai', 'gpt-4o-mini', 'gpt-4o-mini-2024-07-18'), ('openai', 'gpt-4.1', 'gpt-4.1-2025-04-14'), ('anthropic', 'claude-sonnet-4', 'claude-sonnet-4-20250514'), ('aws.bedrock', 'anthropic.claude-3-5-haiku', 'anthropic.claude-3-5-haiku-20241022-v1:0'), ('gcp.vertex_ai', 'gemini-2.0-flash', 'gemini-2.0-flash-001'), ('mistral_ai', 'mistral-large', 'mistral-large-2411')]
HOSTS = {'openai': 'api.openai.com', 'anthropic': 'api.anthropic.com', 'aws.bedrock': 'bedrock-runtime.us-east-1.amazonaws.com', 'gcp.vertex_ai': 'us-central1-aiplatform.googleapis.com', 'mistral_ai': 'api.mistral.ai'}
SERVICES = ['checkout-assistant', 'support-agent', 'search-gateway', 'docs-rag', 'orders-api', 'recommender', 'billing-worker', 'frontend-bff']
ROUTES = ['/api/v1/orders/{id}', '/api/v1/chat', '/api/v1/search', '/healthz', '/api/v1/users/{id}/profile', '/api/v1/cart', '/v2/sessions', '/api/v1/documents/{id}/chunks']
T0 = 1_760_000_000_000_000_000

def hexs(r, n): return '%0*x' % (n, r.getrandbits(4 * n))
def rb(r, n): return r.getrandbits(8 * n).to_bytes(n, 'big')

def genai_span(r, trace, parent, t):
    prov, rm, pm = r.choice(MODELS)
    op = r.choices(['chat', 'text_completion', 'embeddings', 'execute_tool', 'invoke_agent'], [70, 6, 8, 9, 7])[0]
    total = int(512 * math.exp(r.random() * math.log(8)))          # 0.5 - 4 KB, log-uniform
    pin = int(total * r.uniform(.5, .8))
    sysl = min(200, pin // 4)
    inp = json.dumps([{'role': 'user', 'parts': [{'type': 'text', 'content': text(r, pin - sysl)}]}], ensure_ascii=False)
    outp = json.dumps([{'role': 'assistant', 'parts': [{'type': 'text', 'content': text(r, total - pin)}], 'finish_reason': 'stop'}], ensure_ascii=False)
    it, ot = pin // 4 + r.randint(0, 40), (total - pin) // 4 + r.randint(0, 20)
    a = [('gen_ai.operation.name', op), ('gen_ai.provider.name', prov), ('gen_ai.system', prov), ('gen_ai.request.model', rm), ('gen_ai.response.model', pm),
         ('gen_ai.request.max_tokens', r.choice([256, 512, 1024, 4096])), ('gen_ai.request.temperature', round(r.random(), 2)), ('gen_ai.request.top_p', r.choice([0.9, 0.95, 1.0])),
         ('gen_ai.response.id', 'chatcmpl-' + hexs(r, 28)), ('gen_ai.response.finish_reasons', [r.choice(['stop', 'length', 'tool_calls'])]),
         ('gen_ai.usage.input_tokens', it), ('gen_ai.usage.output_tokens', ot), ('gen_ai.conversation.id', 'conv_' + hexs(r, 24)), ('gen_ai.output.type', 'text'),
         ('server.address', HOSTS[prov]), ('server.port', 443), ('gen_ai.system_instructions', text(r, sysl)), ('gen_ai.input.messages', inp), ('gen_ai.output.messages', outp),
         ('user.id', 'u-' + hexs(r, 12))]
    if r.random() < .25: a.append(('gen_ai.tool.definitions', [{'name': r.choice(['get_weather', 'lookup_order', 'search_docs']), 'type': 'function', 'strict': True, 'parameters': {'type': 'object', 'required': ['query', 'limit'], 'limit': r.randint(1, 50)}}]))
    if r.random() < .2: a.append(('gen_ai.request.stop_sequences', ['\n\n', 'END']))
    dur = int(r.lognormvariate(0.2, .8) * 1e9)
    p = dict(trace=trace, span=rb(r, 8), parent=parent, name=op + ' ' + rm, kind=3, t0=t, t1=t + dur, attrs=a, flags=0x101, status=None)
    ev = []
    if r.random() < .3: ev.append(dict(t=t + dur // 3, name='gen_ai.first_token', attrs=[('gen_ai.server.time_to_first_token', round(r.uniform(.05, 1.5), 4))]))
    if r.random() < .04:
        ev.append(dict(t=t + dur, name='exception', attrs=[('exception.type', 'openai.RateLimitError'), ('exception.message', 'Rate limit reached for ' + rm), ('exception.stacktrace', text(r, 600)), ('exception.escaped', False)]))
        p['status'] = (2, 'Rate limit reached'); a.append(('error.type', '429'))
    p['events'] = ev
    if r.random() < .1: p['links'] = [dict(trace=rb(r, 16), span=rb(r, 8), attrs=[('link.kind', 'retry')])]
    return p

def small_span(r, trace, parent, t):
    dur = int(r.lognormvariate(0, 1.2) * 8e6)
    c = r.random()
    if c < .55:
        srv = r.random() < .5
        route = r.choice(ROUTES); m = r.choice(['GET', 'GET', 'POST', 'PUT']); code = r.choices([200, 201, 204, 404, 500], [80, 6, 6, 5, 3])[0]
        a = [('http.request.method', m), ('url.scheme', 'https'), ('url.path', route.replace('{id}', str(r.randint(1, 10**6)))), ('http.route', route), ('http.response.status_code', code),
             ('server.address', r.choice(SERVICES) + '.prod.svc.cluster.local'), ('server.port', 8080), ('network.protocol.version', '1.1'), ('client.address', '10.%d.%d.%d' % (r.randint(0, 255), r.randint(0, 255), r.randint(1, 254))), ('user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36')]
        p = dict(name=m + ' ' + route, kind=2 if srv else 3, attrs=a, status=(2, '') if code >= 500 else None)
    elif c < .9:
        tb = r.choice(['orders', 'users', 'sessions', 'documents', 'chunks', 'invoices']); op = r.choice(['SELECT', 'SELECT', 'INSERT', 'UPDATE'])
        a = [('db.system.name', r.choice(['postgresql', 'redis', 'mysql'])), ('db.namespace', 'app'), ('db.operation.name', op), ('db.collection.name', tb), ('db.query.text', '%s id, created_at, state FROM %s WHERE id = $1 AND tenant_id = $2 LIMIT %d' % (op, tb, r.randint(1, 100))),
             ('db.query.summary', op + ' ' + tb), ('server.address', 'pg-%d.db.internal' % r.randint(0, 9)), ('server.port', 5432), ('thread.id', r.randint(1, 200)), ('db.response.returned_rows', r.randint(0, 100))]
        p = dict(name=op + ' app.' + tb, kind=3, attrs=a, status=None)
    else:
        a = [('rpc.system', 'grpc'), ('rpc.service', 'acme.inventory.v1.InventoryService'), ('rpc.method', r.choice(['Reserve', 'Release', 'List'])), ('rpc.grpc.status_code', 0), ('server.address', 'inventory.prod'), ('server.port', 50051), ('network.peer.address', '10.0.%d.%d' % (r.randint(0, 255), r.randint(1, 254))), ('thread.name', 'grpc-default-executor-%d' % r.randint(0, 63)), ('retry', False)]
        p = dict(name='acme.inventory.v1.InventoryService/Reserve', kind=3, attrs=a, status=None)
    if r.random() < .03: p['events'] = [dict(t=t + dur // 2, name='message', attrs=[('message.id', r.randint(1, 99)), ('message.type', 'SENT')])]
    p.update(trace=trace, span=rb(r, 8), parent=parent, t0=t, t1=t + dur, flags=0x101)
    return p

def batch(seed, n, frac):
    r = random.Random(seed)
    k = min(n, r.choice([1, 2, 3, 4]))
    cuts = sorted(r.sample(range(1, n), k - 1)) if k > 1 else []
    rs, t, left = [], T0 + seed * 10**9, n
    flags = [i < round(n * frac) for i in range(n)]
    r.shuffle(flags)
    i = 0
    for a, b in zip([0] + cuts, cuts + [n]):
        svc = r.choice(SERVICES)
        ra = [('service.name', svc), ('service.namespace', 'shop'), ('service.version', '1.%d.%d' % (r.randint(0, 40), r.randint(0, 9))), ('service.instance.id', hexs(r, 32)), ('telemetry.sdk.name', 'opentelemetry'), ('telemetry.sdk.language', r.choice(['python', 'nodejs', 'java', 'go'])), ('telemetry.sdk.version', '1.37.0'), ('deployment.environment.name', 'production'), ('k8s.pod.name', svc + '-' + hexs(r, 10)), ('k8s.namespace.name', 'prod'), ('host.name', 'ip-10-0-%d-%d' % (r.randint(0, 255), r.randint(1, 254))), ('process.pid', r.randint(1, 65000))]
        g, h = [], []
        trace, parent = rb(r, 16), None
        for _ in range(b - a):
            if r.random() < .12: trace, parent = rb(r, 16), None
            t += r.randint(1000, 5_000_000)
            p = (genai_span if flags[i] else small_span)(r, trace, parent, t)
            (g if flags[i] else h).append(p)
            parent = p['span'] if r.random() < .6 else parent
            i += 1
        sc = []
        if h:
            cut = len(h) // 2
            sc.append(dict(name='opentelemetry.instrumentation.http', ver='0.58b0', schema='https://opentelemetry.io/schemas/1.37.0', spans=h[:cut] or h))
            if cut: sc.append(dict(name='opentelemetry.instrumentation.dbapi', ver='0.58b0', schema='', spans=h[cut:]))
        if g:  # real agents also emit non-GenAI spans from the GenAI scope: keep one small span with them if there is one
            if len(h) > 3: g.insert(len(g) // 2, sc[0]['spans'].pop())
            sc.append(dict(name='opentelemetry.instrumentation.openai_v2', ver='2.1b0', schema='https://opentelemetry.io/schemas/1.37.0', spans=g))
        rs.append(dict(attrs=ra, scopes=sc, schema='https://opentelemetry.io/schemas/1.37.0'))
    return rs

if __name__ == '__main__':
    ap = argparse.ArgumentParser()
    ap.add_argument('out'); ap.add_argument('--n', type=int, default=8); ap.add_argument('--seed', type=int, default=1); ap.add_argument('--batches', default='1,100,512')
    o = ap.parse_args()
    os.makedirs(o.out, exist_ok=True)
    for kind, frac in (('mix', .3), ('genai', 1.0), ('small', 0.0)):
        for n in map(int, o.batches.split(',')):
            tot = [0, 0]
            for i in range(o.n):
                rs = batch(o.seed * 1000 + i + n * 100000, n, frac)
                pb, js = pb_req(rs), js_req(rs)
                base = os.path.join(o.out, '%s_%d_%d' % (kind, n, i))
                open(base + '.pb', 'wb').write(pb); open(base + '.json', 'wb').write(js)
                if kind == 'mix':
                    DESC = True; open(os.path.join(o.out, 'mixdesc_%d_%d.pb' % (n, i)), 'wb').write(pb_req(rs)); DESC = False
                tot[0] += len(pb); tot[1] += len(js)
            print('%s_%d: %d files, avg proto %.0f B (%.0f B/span), avg json %.0f B (%.0f B/span)' % (kind, n, o.n, tot[0] / o.n, tot[0] / o.n / n, tot[1] / o.n, tot[1] / o.n / n))
