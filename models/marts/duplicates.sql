-- Every duplicate group that a duplicate step met, one row per pair of it: who stayed and who went.
{% set numbers = built_versions() -%}
with pairs as (
    select * from {{ ref('int_pairs') }}
),

reached as (
    {%- for number in numbers %}
    {%- set outer = loop %}
    {%- for cut in version_cuts(number)['windows'] if 'duplicates_by' in cut %}
    select
        'v{{ number }}' as version,
        '{{ cut.name }}' as cut,
        '{{ cut.duplicates_by }}' as duplicates_by,
        cast(pairs.{{ cut.duplicates_by }} as string) as group_key,
        pairs.pair_id,
        pairs.object_id,
        pairs.specz_name,
        pairs.landing,
        pairs.source_row,
        judged.ok_{{ cut.name }} as stays
    from {{ ref('int_judged_v' ~ number) }} as judged
    inner join pairs on judged.pair_id = pairs.pair_id
    where judged.ok_{{ cut.name }} is not null and pairs.{{ cut.duplicates_by }} is not null
    {{ 'union all' if not (loop.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}
),

grouped as (
    select *, count(*) over (partition by version, cut, group_key) as group_size from reached
)

select
    version, cut, duplicates_by, group_key, group_size,
    pair_id, object_id, specz_name, landing, source_row, stays
from grouped
where group_size > 1
