-- One row for every kept object and filter, with the measurement of its picture, or why there is none.
-- Empty until something is measured; only the settings that the catalogue has chosen are read.
with pictures as (
    select * from {{ ref('pictures') }}
),

settings as (
    select * from {{ ref('stg_morphology__settings') }}
),

measured as (
    select * from {{ ref('stg_morphology__parts') }}
),

wanted as (
    select
        pictures.*,
        settings.morphology_settings,
        case when settings.psf_source = 'catalogue' then pictures.psf_key else '' end as measured_psf_key
    from pictures cross join settings
),

joined as (
    select
        wanted.object_id,
        wanted.band,
        (wanted.width - 1) / cast(2 as double) + wanted.x_offset as target_x_px,
        (wanted.height - 1) / cast(2 as double) + wanted.y_offset as target_y_px,
        {%- for name, _, _ in family('morphology') if name != 'morphology_reasons' %}
        measured.{{ name }},
        {%- endfor %}
        case
            when measured.object_id is not null then measured.morphology_reasons
            when wanted.image_offset is null then 'no_picture'
            else 'not_measured'
        end as morphology_reasons,
        wanted.morphology_settings
    from wanted
    left join measured
        on wanted.object_id = measured.object_id
        and wanted.band = measured.band
        and wanted.shard = measured.shard
        and wanted.image_offset = measured.image_offset
        and wanted.measured_psf_key = measured.psf_key
        and wanted.morphology_settings = measured.morphology_settings
)

select * from joined
