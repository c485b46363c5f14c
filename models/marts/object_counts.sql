-- The line before the first cut: objects landed, with and without a spectrum, and the paper's X and Y.
{% set unjudged = unjudged_landings() -%}
{% set flags = cuts() | selectattr('group', 'defined') | list -%}
with objects as (
    {%- for model in ['stg_hsc__objects', 'stg_hsc__joined'] %}
    select
        object_id,
        {% for cut in flags %}{{ verdict(cut, unjudged) }}{{ ' and ' if not loop.last }}{% endfor %} as photometric
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

landed as (
    select
        count(*) as objects,
        count(distinct object_id) as distinct_objects,
        count(distinct case when photometric then object_id end) as photometric_objects
    from objects
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
    landed.objects,
    landed.distinct_objects - pairs.objects_with_spectrum as objects_without_spectrum,
    pairs.objects_with_spectrum,
    landed.photometric_objects,
    photometric.photometric_with_spectrum,
    pairs.pairs
from landed
cross join pairs
cross join photometric
