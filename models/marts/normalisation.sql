-- Statistics by which images are normalised: of each choice of galaxies and image size, those of the newest build that
-- was exported.  An export is of a build, so they are of one before this; `statistics_build` says which.
with measured as (
    select * from {{ ref('stg_normalisation__statistics') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by version, split_scheme, missing_pictures, sample_condition, image_size, band
            order by statistics_build desc
        ) as place
    from measured
)

select
    version, split_scheme, missing_pictures, sample_condition, image_size, band, statistics_build, sample_sha256
    {%- for name, _, _ in family('normalisation') if name.startswith('normalisation_') %},
    {{ name }}
    {%- endfor %}
from ranked
where place = 1
