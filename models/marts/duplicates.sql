-- Every duplicate group of a duplicate step, one row per pair: whether the pair was kept.
{% set steps = [] -%}
{% for name in built_versions() -%}
    {% for cut in version_cuts(name)['windows'] if 'duplicates_by' in cut -%}
        {% do steps.append((name, cut)) -%}
    {% endfor -%}
{% endfor -%}
with grouped as (
    {%- for name, cut in steps %}
    select
        '{{ name }}' as version,
        '{{ cut.name }}' as cut,
        '{{ cut.duplicates_by }}' as duplicates_by,
        pair_id,
        size_{{ cut.name }} as group_size,
        ok_{{ cut.name }} as stays
    from {{ ref('int_judged_' ~ name) }}
    where size_{{ cut.name }} > 1
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

pairs as (
    select * from {{ ref('int_pairs') }}
)

select
    grouped.version,
    grouped.cut,
    grouped.duplicates_by,
    case grouped.duplicates_by
        when 'specz_name' then pairs.specz_name else cast(pairs.object_id as string)
    end as group_key,
    grouped.group_size,
    grouped.pair_id,
    pairs.object_id,
    pairs.specz_name,
    pairs.landing,
    pairs.source_row,
    grouped.stays
from grouped
inner join pairs on grouped.pair_id = pairs.pair_id
