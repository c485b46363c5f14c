{#- One row per landed object that no pair has: its first landed row, with the verdicts of the cuts that read the object
    alone, as a build gives them to pairs.  No model: at full size these are most objects, so a build keeps this text,
    and reading it judges the landed rows again.

    unjudged  as the macro unjudged_landings returns it
    files     the files of the build that have objects, as (landing, source_sha256, kind): what was landed since is not
              in the build
    repeats   whether two of the rows may be of one object; ranking tens of millions of rows would take most of the
              time -#}
{%- macro objects_without_spectrum(unjudged, files, repeats) -%}
{%- set judged = [] -%}
{%- for cut in cuts() if 'sql' in cut and cut.scope == 'object' -%}{%- do judged.append(cut) -%}{%- endfor -%}
{%- set base = [{'name': 'object_id', 'type': 'bigint'}, {'name': 'source_file', 'type': 'string'},
    {'name': 'source_row', 'type': 'bigint'}, {'name': 'landing', 'type': 'bigint'},
    {'name': 'ra', 'type': 'double'}, {'name': 'dec', 'type': 'double'}] -%}
{%- set columns = base + judged_object_columns() -%}
{%- set kinds = files | map(attribute=2) | unique | list or ['objects'] -%}
with landed as (
    {%- for kind in kinds %}
    select
        {%- for column in columns %}
        cast({{ column.name if kind in column.get('kinds', [kind]) else 'null' }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source('raw', 'hsc_' ~ kind) }}
    where {% for landing, sha256, _ in files if _ == kind -%}
        (landing = {{ landing | int }} and source_sha256 = {{ text_literal(sha256) }}){{ ' or ' if not loop.last }}
        {%- else -%} false {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

unseen as (
    select * from landed
    where not exists (select 1 from {{ ref('int_pairs') }} as pairs where pairs.object_id = landed.object_id)
),

firsts as (
    {%- if repeats %}
    select {{ columns | map(attribute='name') | join(', ') }}
    from (
        select *, row_number() over (partition by object_id order by landing, source_row) as place from unseen
    ) as ranked
    where place = 1
    {%- else %}
    select * from unseen
    {%- endif %}
),

verdicts as (
    select
        *
        {%- for cut in judged %},
        {{ verdict(cut, unjudged) }} as ok_{{ cut.name }}
        {%- endfor %}
    from firsts
)

select
    {{ base | map(attribute='name') | join(', ') }},
    {%- for cut in judged %}
    ok_{{ cut.name }},
    {%- endfor %}
    {% for cut in judged if cut.group == 'photometric' %}coalesce(ok_{{ cut.name }}, false){{ ' and ' if not loop.last }}{% else %}true{% endfor %} as photometric
    {%- for column in judged_object_columns() %},
    {{ column.name }}
    {%- endfor %}
from verdicts
{%- endmacro -%}
