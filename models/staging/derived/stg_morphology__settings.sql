with chosen as (
    select * from {{ source('raw', 'morphology_settings') }}
),

cast_columns as (
    select
        cast(morphology_settings as string) as morphology_settings,
        cast(psf_source as string) as psf_source,
        cast(settings_json as string) as settings_json
    from chosen
)

select * from cast_columns
