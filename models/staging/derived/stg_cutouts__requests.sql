with landed as (
    select * from {{ source('raw', 'cutout_requests') }}
),

cast_columns as (
    select
        cast(shard as string) as shard,
        cast(source_file as string) as picture_file,
        cast(list_file as string) as list_file,
        cast(silence as string) as silence,
        cast(silence_reason as string) as silence_reason,
        cast(line as bigint) as line,
        cast(ra as double) as picture_ra,
        cast(dec as double) as picture_dec,
        cast(band as string) as band,
        cast(tract as bigint) as picture_tract,
        cast(semi_width as double) as semi_width,
        cast(semi_height as double) as semi_height
    from landed
)

select * from cast_columns
