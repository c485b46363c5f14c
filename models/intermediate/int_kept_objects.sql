-- One row per object that any version keeps: its position, the tract that it was measured in, and its magnitudes.
{% set names = built_versions() -%}
with kept as (
    {%- for name in names %}
    select pair_id from {{ ref('int_judged_' ~ name) }} where kept
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

pairs as (
    select * from {{ ref('int_pairs') }}
),

firsts as (
    select object_id, min(pair_id) as pair_id
    from pairs
    where pair_id in (select pair_id from kept)
    group by object_id
),

objects as (
    select
        pairs.object_id,
        pairs.ra,
        pairs.dec,
        {{ each_band('pairs.{band}_cmodel_mag') }},
        coalesce(pairs.tract, cast(floor(pairs.skymap_id / 10000) as bigint)) as own_tract
    from firsts inner join pairs on firsts.pair_id = pairs.pair_id
)

select * from objects
