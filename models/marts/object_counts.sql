-- Counts before the first cut: landed objects, with and without a spectrum, and the paper's X and Y.
-- An object has several rows only if a joined export has several of its spectra, or if several files have it.
-- Only such rows are grouped, because grouping ten million objects would take most of the time.
{% set unjudged = unjudged_landings() -%}
{% set flags = cuts() | selectattr('group', 'equalto', 'photometric') | list -%}
{% set several_files = unjudged.get(flags[0].name, {'all': []})['all'] | length > 1 -%}
with objects as (
    select
        object_id,
        {{ several_files }} as repeats,
        {% for cut in flags %}{{ verdict(cut, unjudged) }}{{ ' and ' if not loop.last }}{% endfor %} as photometric
    from {{ ref('stg_hsc__objects') }}
    union all
    select
        object_id,
        {{ several_files }} or specz_name is not null or specz_redshift is not null as repeats,
        {% for cut in flags %}{{ verdict(cut, unjudged) }}{{ ' and ' if not loop.last }}{% endfor %} as photometric
    from {{ ref('stg_hsc__joined') }}
),

once as (
    select photometric, 1 as landed_rows from objects where not repeats
    union all
    select bool_or(photometric) as photometric, count(*) as landed_rows from objects where repeats group by object_id
),

landed as (
    select
        coalesce(sum(landed_rows), 0) as objects,
        count(*) as distinct_objects,
        count(case when photometric then 1 end) as photometric_objects
    from once
),

pairs as (
    select count(*) as pairs, count(distinct object_id) as objects_with_spectrum from {{ ref('int_pairs') }}
),

photometric as (
    select count(distinct object_id) as photometric_with_spectrum
    from {{ ref('int_verdicts') }}
    where {% for cut in flags %}ok_{{ cut.name }}{{ ' and ' if not loop.last }}{% endfor %}
)

select
    cast(landed.objects as bigint) as objects,
    landed.distinct_objects - pairs.objects_with_spectrum as objects_without_spectrum,
    pairs.objects_with_spectrum,
    cast(landed.photometric_objects as bigint) as photometric_objects,
    photometric.photometric_with_spectrum,
    pairs.pairs
from landed
cross join pairs
cross join photometric
