-- The list of cuts as a table: one row per version and cut, in the order of judging.
{% set numbers = built_versions() -%}
with steps as (
    {%- for number in numbers %}
    {%- set outer = loop %}
    {%- for cut in version_cuts(number)['all'] %}
    select
        'v{{ number }}' as version,
        cast({{ loop.index }} as bigint) as step,
        '{{ cut.name }}' as cut,
        '{{ cut.group }}' as cut_group,
        '{{ cut.section | replace("'", "''") }}' as section,
        '{{ cut.why | replace("'", "''") }}' as why,
        '{{ cut.get('duplicates_by', '') }}' as duplicates_by
    {{ 'union all' if not (loop.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}
)

select * from steps
