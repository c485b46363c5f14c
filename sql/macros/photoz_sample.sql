{#- Predictions that are judged, each with its redshift and what it is binned by.

    of  'testing': galaxies of the testing split that the run was not trained on; 'training' or 'validation'; 'all'

    A galaxy that the run was trained on or validated on is of that part, whatever its split is now. -#}
{%- macro photoz_sample(of) -%}
with predictions as (
    select * from {{ ref('stg_photoz__predictions') }}
),

runs as (
    select * from {{ ref('stg_photoz__runs') }}
),

pairs as (
    select * from {{ ref('int_pairs') }}
),

judged as (
    select * from {{ ref('int_judged_' ~ photoz_version()) }} where kept
),

splits as (
    select * from {{ ref('int_splits') }}
),

galaxies as (
    select pairs.*
    from pairs inner join judged on pairs.pair_id = judged.pair_id
),

with_redshifts as (
    select
        predictions.photoz_run,
        predictions.photoz_row,
        predictions.object_id,
        case when predictions.object_id is null then predictions.redshift_of_file else galaxies.specz_redshift end
            as specz_redshift,
        galaxies.{{ photoz_band() }}_cmodel_mag as magnitude,
        case
            when predictions.object_id is null then null
            when galaxies.specz_surveys like '%,%' then 'several'
            else coalesce(galaxies.specz_surveys, 'unknown')
        end as survey,
        case
            when predictions.photoz_split in ('training', 'validation') then predictions.photoz_split
            when predictions.object_id is null then 'testing'
            when runs.split_scheme = 'paper' then splits.split_paper
            when runs.split_scheme = 'official' then splits.split_official
            when runs.split_scheme = 'leak_free' then splits.split_leak_free
            else splits.split_release
        end as split
    from predictions
    inner join runs on predictions.photoz_run = runs.photoz_run
    left join galaxies on predictions.object_id = galaxies.object_id
    left join splits on predictions.object_id = splits.object_id
    where predictions.z_phot is not null
)

select * from with_redshifts
-- What no redshift is, such as -99 or infinity, judges nothing; a cut of one's own may keep it.
where specz_redshift > -1 and specz_redshift < 1000
{%- if of != 'all' %} and split = '{{ of }}'{% endif %}
{%- endmacro -%}
