with measured as (
    select * from {{ source('raw', 'morphology_parts') }}
),

cast_columns as (
    select
        cast(object_id as bigint) as object_id,
        cast(band as string) as band,
        cast(shard as string) as shard,
        cast(image_offset as bigint) as image_offset,
        cast(psf_key as string) as psf_key,
        cast(morphology_settings as string) as morphology_settings,
        {%- for name, type in morphology_columns() %}
        cast({{ name }} as {{ type }}) as {{ name }},
        {%- endfor %}
        cast(morphology_flags as bigint) as morphology_flags,
        cast(morphology_reasons as string) as morphology_reasons
    from measured
)

select * from cast_columns
