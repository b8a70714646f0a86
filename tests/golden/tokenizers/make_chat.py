"""Writes chat/golden.json: what transformers renders of chat templates (its Jinja environment), and of single expressions.

    python make_chat.py

The templates are our own; each uses the constructs that a published family's template uses.
"""
import datetime
import json
import pathlib

import jinja2
import transformers
from transformers.utils.chat_template_utils import _compile_jinja_template

DATE = datetime.datetime(2024, 7, 6, 9, 5, 3)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}

CHATML = """{%- for turn in messages %}
    {{- '<|im_start|>' ~ turn.role ~ '\\n' ~ turn['content'] | trim ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
"""
ZEPHYR = """{% for m in messages %}
{% if m['role'] == 'user' %}
<|user|>
{{ m['content'] + eos_token }}
{% elif m['role'] == 'system' %}
<|system|>
{{ m['content'] + eos_token }}
  {% elif m['role'] == 'assistant' %}
{% generation %}
<|assistant|>
{{ m['content'] + eos_token }}
{% endgeneration %}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
LLAMA2 = """{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% set head = messages[0].content %}{% else %}{% set rest = messages %}{% set head = false %}{% endif %}
{%- for m in rest -%}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('turns must go user, assistant, user, …; turn ' ~ loop.index ~ ' is ' ~ m.role) }}{%- endif -%}
{%- if loop.first and head is not false -%}{%- set text = '<<SYS>>\\n' + head + '\\n<</SYS>>\\n\\n' + m.content -%}{%- else -%}{%- set text = m.content -%}{%- endif -%}
{%- if m.role == 'user' -%}{{ bos_token + '[INST] ' + text.strip() + ' [/INST]' }}{%- elif m.role == 'assistant' -%}{{ ' ' + text.strip() + ' ' + eos_token }}{%- endif -%}
{%- endfor -%}"""
LLAMA3 = """{{- bos_token }}
{%- set ns = namespace(system='', tool_seen=false) %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{% set date_string = strftime_now("%d %b %Y") %}{% else %}{% set date_string = "26 Jul 2024" %}{% endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set ns.system = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- "<|head|>system<|/head|>\\n\\n" }}
{#- The date always stands; tools as indented JSON. -#}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- ns.system ~ "<|eot|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|head|>' + message['role'] + '<|/head|>\\n\\n'+ message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls|length != 1 %}
            {{- raise_exception("one call a turn") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}{{- "}<|eot|>" }}
    {%- else %}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>assistant<|/head|>\\n\\n' }}
{%- endif %}
"""
QWEN3 = """{%- macro call_text(call) -%}
{%- if call.function is defined %}{% set call = call.function %}{% endif -%}
<tool_call>
{"name": {{ call.name | tojson }}, "arguments": {{ call.arguments if call.arguments is string else call.arguments | tojson }}}
</tool_call>
{%- endmacro -%}
{%- set ns = namespace(open=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.open and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.open = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- if tools %}
<tools>{% for tool in tools %}{{ "\\n" ~ tool | tojson }}{% endfor %}

</tools>
{% endif %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {%- set content = message.content or '' %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or (not loop.last and thought)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
            {{- call_text(call) }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and assistant take turns') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<turn>' + role + '
' }}{%- if message['content'] is string -%}{{ message['content'] | trim }}{%- elif message['content'] is iterable -%}{%- for part in message['content'] -%}{%- if part['type'] == 'image' -%}{{ '<image>' }}{%- elif part['type'] == 'text' -%}{{ part['text'] | trim }}{%- endif -%}{%- endfor -%}{%- endif -%}{{ '</turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<turn>model
'}}{% endif %}"""
PHI3 = """{% for message in messages %}{% if message['role'] in ['system', 'user'] and message['content'] %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\\n' + message['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""
MISTRAL = """{%- if messages[0]["role"] == "system" %}{%- set first = messages[0]["content"] %}{%- set turns = messages[1:] %}{%- else %}{%- set turns = messages %}{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- set users = turns | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in turns %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("turns out of order") }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{%- for message in turns %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == users[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and first is defined %}{{- "[INST] " + first + "\\n\\n" + message["content"] + "[/INST]" }}{%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for call in message.tool_calls %}
            {%- set out = call.function|tojson %}
            {{- out[:-1] }}
            {%- if not call.id is defined or call.id|length != 9 %}{{- raise_exception("an id has nine characters") }}{%- endif %}
            {{- ', "id": "' + call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] in ("tool", "tool_results") %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- else %}
        {{- raise_exception("only user and assistant turns") }}
    {%- endif %}
{%- endfor %}"""

TALK = [{"role": "user", "content": " Hello, who are you? "}, {"role": "assistant", "content": "A model."}, {"role": "user", "content": "Größe 日本 😀\n\ntwo"}]
SYSTEM = [{"role": "system", "content": "Be brief.\n"}] + TALK
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Of a <city> & 'more'", "parameters": {"type": "object", "properties": {"city": {"type": "string"},
          "days": {"type": "integer", "default": 3}}, "required": ["city"]}, "return": {"type": "string"}}}]
CALLS = SYSTEM[:2] + [{"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"city": "Łódź", "days": 2.5, "x": [], "y": {}, "z": None, "t": True}}}]},
                      {"role": "tool", "content": "sunny"}, {"role": "assistant", "content": "It's sunny."}]
THOUGHT = TALK[:1] + [{"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, {"role": "user", "content": "more"}, {"role": "assistant", "content": "<think>\nlast\n</think>\n\nNo."}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": " see "}, {"type": "image"}]}]

CHATS = {"chatml": (CHATML, [TALK, SYSTEM]), "zephyr": (ZEPHYR, [TALK, SYSTEM]), "llama2": (LLAMA2, [TALK, SYSTEM, TALK[1:]]), "llama3": (LLAMA3, [TALK, SYSTEM, CALLS, PARTS]),
         "qwen3": (QWEN3, [TALK, SYSTEM, CALLS, THOUGHT]), "gemma": (GEMMA, [TALK, SYSTEM, PARTS]), "phi3": (PHI3, [TALK, SYSTEM]), "mistral": (MISTRAL, [TALK, SYSTEM, CALLS, THOUGHT])}

DATA = {"a": [3, 1, 2], "s": " Hello World ", "n": None, "t": True, "f": 2.5, "i": -7, "d": {"b": 1, "a": [1, {"k": "v"}], "C": "x"}, "empty": [], "u": "ÉcoleǄ straße Σας ﬁ",
        "rows": [{"n": "x", "v": 2, "in": {"k": 1}}, {"n": "Y", "v": 1}, {"n": "x", "v": None}], "text": "l1\nl2\n\nl4\n", "big": 9007199254740993}

EXPRESSIONS = """{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 1.5 // 1 }} {{ 10 % 3.5 }}
{{ 1e3 }} {{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e-5 }} {{ 123456789.125 }} {{ 1_000 }} {{ 1e22 }} {{ 5e-324 }} {{ 100000.0 * 10 }}
{{ 'a' ~ 1 ~ none ~ true ~ 2.0 ~ [1, 'x'] }} {{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] * 2 + [2] }} {{ 'a' 'b' }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] == [1, 2] }} {{ none == none }} {{ 'a' != 'b' }} {{ 2 >= 2 }} {{ [1, 2] < [1, 3] }}
{{ 'a' in 'cat' }} {{ 1 in a }} {{ 'b' in d }} {{ 5 not in a }} {{ not 1 }} {{ not true == false }} {{ 1 and 0 or 'x' }} {{ '' or none }} {{ x is defined and x.y }}
{{ 'y' if t else 'n' }} {{ 'y' if n else 'n' }} [{{ 'y' if n }}] {{ 'a' if n else 'b' if t else 'c' }}
{{ a[0] }} {{ a[-1] }} [{{ a[9] }}] {{ a[1:] }} {{ a[:-1] }} {{ a[::-1] }} {{ a[::2] }} {{ s[1:4] }} {{ s[::-1] }} {{ u[0] }} {{ u[-2:] }} {{ a[5:] }} {{ a[-9:2] }} {{ a[2:0:-1] }}
{{ d.b }} {{ d['a'][1].k }} {{ d.a.0 }} [{{ d.nope }}] {{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d['b'] }} {{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }}
{{ d }} {{ a }} {{ n }} {{ t }} {{ f }} {{ ['it\\'s', "q\\"q", "b\\\\s", "both'\\""] }} {{ ['tab\\t', 'nl\\n', '\\x07', 'é', '\\u00a0'] }} {{ {'k': 'v', 'n': none} }} {{ {} }} {{ [] }}
{{ s | trim }}|{{ s | upper }}|{{ s | lower }}|{{ 'hELLO wORLD' | capitalize }}|{{ "hello-world it's (ok) [x]" | title }}|{{ u | upper }}|{{ u | lower }}|{{ u | title }}|{{ u | capitalize }}
{{ s.strip() }}|{{ s.lstrip() }}|{{ s.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'hello'.title() }}|{{ "it's o'k a1b".title() }}|{{ 'aB'.upper() }}|{{ 'aB'.lower() }}|{{ 'aBC'.capitalize() }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b c '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c '.split(none, 1) }} {{ 'a b'.split('x') }} {{ ''.split() }} {{ ''.split(',') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.replace('b', 'X') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }} {{ 'aXbX' | replace('X', '') }}
{{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'banana'.count('an') }} {{ '-'.join(['a', 'b']) }} {{ 'l1\\nl2\\r\\nl3'.splitlines() }} {{ '12'.isdigit() }} {{ ' '.isspace() }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }}
{{ a | length }} {{ s | length }} {{ d | count }} {{ u | length }} {{ a | first }} {{ a | last }} [{{ empty | first }}] {{ 'abc' | first }} {{ a | sort }} {{ a | sort(reverse=true) }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }}
{{ rows | sort(attribute='n') | map(attribute='v') | list }} {{ rows | map(attribute='n') | join(', ') }} {{ rows | map(attribute='in.k', default='-') | list }} {{ ['a', 'b'] | map('upper') | list }} {{ rows | join('|', attribute='v') }}
{{ rows | selectattr('v') | list | length }} {{ rows | selectattr('n', 'equalto', 'x') | map(attribute='v') | list }} {{ rows | rejectattr('n', 'eq', 'x') | list }} {{ a | select('gt', 1) | list }} {{ a | reject('odd') | list }} {{ rows | selectattr('in', 'defined') | list | length }}
{{ ['a', 'A', 'b', 'a'] | unique | list }} {{ [1, 2, 1] | unique | list }} {{ a | reverse | list }} {{ 'abc' | reverse }} {{ -3 | abs }} {{ i | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 7 | round }} {{ 1.25 | round(1, 'floor') }}
{{ d | dictsort }} {{ d | dictsort(case_sensitive=true) }} {{ {'x': 2, 'y': 1} | dictsort(by='value') }} {{ d | items | list }} {{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ '3.9' | int }} {{ 3.9 | int }} {{ '1.5' | float }} {{ 'q' | float }} {{ 5 | string + 'x' }} {{ a | sum }} {{ rows[:2] | sum(attribute='v') }} {{ a | max }} {{ a | min }}
{{ text | indent }}|{{ text | indent(2, true) }}|{{ text | indent(2, blank=true) }}|{{ text | indent('> ') }}
{{ d | tojson }} {{ d | tojson(indent=2) }} {{ u | tojson }} {{ u | tojson(ensure_ascii=true) }} {{ '<a href="x">&\\'' | tojson }} {{ [1.0, 1e20, none, true, 'é\\n\\t'] | tojson }} {{ {} | tojson(indent=2) }} {{ d | tojson(sort_keys=true) }} {{ a | tojson(separators=(',', ':')) }} {{ big }}
{{ '<b>&"' | escape }} {{ '<b>' | safe }} {{ x | default('d') }} {{ n | default('d') }} {{ n | default('d', true) }} {{ '' | d('e', boolean=true) }} {{ a | list }} {{ 'ab' | list }} {{ d | list }}
{{ x is defined }} {{ n is none }} {{ s is string }} {{ d is mapping }} {{ a is iterable }} {{ s is iterable }} {{ d is iterable }} {{ 5 is number }} {{ t is number }} {{ t is boolean }} {{ t is true }} {{ t is false }} {{ 1 is true }} {{ a is sequence }} {{ x is undefined }} {{ 3 is odd }} {{ 3 is even }} {{ 6 is divisibleby 3 }} {{ 'a' is in 'abc' }} {{ 1 is eq 1 }} {{ 5 is integer }} {{ 5.0 is float }} {{ n is not none }} {{ not n is none }} {{ 'ab' is lower }} {{ 2 is gt(1) }} {{ d is sequence }} {{ 1 is equalto 1 }} {{ t is sameas true }}
{% for k, v in d.items() %}{{ loop.index }}/{{ loop.length }}:{{ k }}={{ v }};{% endfor %}
{% for x in a %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ loop.previtem is defined }}{{ loop.previtem }}{{ loop.nextitem }};{% else %}none{% endfor %}{% for x in empty %}{% else %}none{% endfor %}
{% for x in a if x > 1 %}{{ x }}{{ loop.index }}{% endfor %} {% for x in range(3) %}{{ x }}{% endfor %} {{ range(1, 10, 3) | list }} {{ range(3, 0, -1) | list }} {% for x in a %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}
{% set x = 1 %}{% for y in a %}{% set x = y %}{% endfor %}{{ x }} {% if t %}{% set x = 5 %}{% endif %}{{ x }} {% set p, q = 1, 2 %}{{ p + q }} {% set ns = namespace(c=0) %}{% for y in a %}{% set ns.c = ns.c + y %}{% endfor %}{{ ns.c }}
{% macro m(x, y='dflt', z=none) %}<{{ x }}|{{ y }}|{{ z }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(x=3, z=4) }}{{ m('a') | upper }} {% macro r(n) %}{{ n }}{% if n > 0 %},{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(3) }} {% macro w() %}[{{ caller() }}]{% endmacro %}{% for q in a %}{% call w() %}in {{ q }}{% endcall %}{% endfor %}
{% set cap %}  x {{ 1 + 1 }} {% endset %}[{{ cap }}] {% set up | upper %}abc{% endset %}{{ up }} {% filter upper %}loud{% endfilter %} {% with z = 3 %}{{ z }}{% endwith %}{{ z is defined }}
{% raw %}{{ not }} {% this %}{% endraw %} {# gone #}{#- gone -#} x {{- ' y ' -}} z {%- if t -%} w {%- endif -%} v {%+ if t %} a {% endif +%}
{{ strftime_now('%d %B %Y|%Y-%m-%d|%b %d, %Y|%A %a|%H:%M:%S|%I %p|%y %j|%%') }} {{ dict(a=1, b='x') }} {{ (1, 2)[0] }} {{ ('x') }} {{ [1, 2,] }} {{ "a\\u00e9\\x41\\n" }} {{ 'x' if not false and (true or false) }}
{{ messages | default([]) | length }} {{ (a | length) - 1 }} {{ -a[0] }} {{ +a[0] }} {{ a | map('string') | map('length') | list }} {{ ((1)) }} {{ {'a': {'b': 1}}['a']['b'] }} {{ {'x': 1}.x }} {{ loop is defined }} {{ 'a|b'.split('|')[-1] }} {{ 'A'|lower ~ 'B'|lower }}""".split("\n")

BLANKS = ["a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a {% if true %} b {% endif %} c", "{% if true %}\n\n  x\n{% endif %}\n\n", "  {{ 1 }}  \n  {# c #}  \n{{ 2 }}\n", "a\r\n{% if true %}\r\nb\rc{% endif %}\r\n",
          "  {%+ if true %}x{%+ endif %}\n", "x\n   {%- if true %}\n y {%- endif %}\n z", "{% for i in [1, 2] %}\n  {{ i }}\n{% endfor %}", "{% for i in [1,2] -%}\n  {{ i }}\n{%- endfor %}", "\t {% set x = 1 %} \n{{ x }}\n\n",
          "{# a\n b #}\nx", "a{#- b -#}  c", "{% raw %}\n {{ x }} \n{% endraw %}\ny", "a \n {%- raw -%} \n b {%- endraw -%} \n c", "x{{ '\n' }}y\n{{ 1 }}", "  {% if true %}  {% if true %}\nq{% endif %}{% endif %}", "{{ 1 }}{% if true %}\n{% endif %}\n  {% if true %}z{% endif %}"]

ERRORS = [["{{ x.y }}", 1], ["a\nb\n{{ 1 / 0 }}", 3], ["\n{% if %}{% endif %}", 2], ["{% for x in 5 %}{% endfor %}", 1], ["\n\n{{ raise_exception('told so') }}", 3], ["{{ 'a' + 1 }}", 1], ["{{ 1 | nofilter }}", 1], ["{% nothing %}", 1],
          ["{% if true %}\nx", 2], ["{{ 'open }}", 1], ["{{ a[ }}", 1], ["\n{% for m in messages %}\n{{ m.x.y }}\n{% endfor %}", 3], ["{{ 1 < 'a' }}", 1], ["{{ nofunction() }}", 1], ["{% include 'x' %}", 1], ["{% set a.b = 1 %}", 1], ["{{ a.append(1) }}", 1],
          ["{# open", 1], ["{% raw %}x", 1], ["{% endif %}", 1], ["{{ 5 is nothing }}", 1], ["{% macro m(x) %}\n{{ x.y.z }}\n{% endmacro %}\n{{ m(none) }}", 2]]


def render(template, variables):
    return _compile_jinja_template(template).render(**variables, strftime_now=DATE.strftime)


def main():
    chats = []
    for name, (template, talks) in CHATS.items():
        for messages in talks:
            for extra in ({}, {"add_generation_prompt": True, "tools": TOOLS, "enable_thinking": False}):
                variables = {"tools": None, "add_generation_prompt": False, **SPECIAL, **extra, "messages": messages}
                row = {"template": name, "variables": variables}
                try:
                    row["rendered"] = render(template, variables)
                except (jinja2.exceptions.TemplateError, TypeError) as error:
                    row["error"] = str(error)
                chats.append(row)
    expressions = [[template, render(template, DATA)] for template in EXPRESSIONS + BLANKS]
    for template, _ in ERRORS:
        try:
            render(template, {**DATA, "messages": [{}]})
        except Exception:
            continue
        raise SystemExit(f"taken: {template}")
    golden = {"made_by": f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}", "date": DATE.isoformat(), "templates": {k: v[0] for k, v in CHATS.items()}, "data": DATA,
              "chats": chats, "expressions": expressions, "errors": ERRORS}
    path = pathlib.Path(__file__).parent / "chat/golden.json"
    path.parent.mkdir(exist_ok=True)
    text = ",\n".join(f"{json.dumps(k)}: " + ("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in v) + "\n]" if isinstance(v, list) else json.dumps(v, ensure_ascii=False)) for k, v in golden.items())
    path.write_text("{" + text + "}\n")


main()
