{#- Every column of a landed table of pictures, cast and named as the mart has it. -#}
{%- macro cast_pictures() -%}
{%- set columns = [
    ['shard', 'string', 'shard'], ['source_file', 'string', 'picture_file'], ['source_sha256', 'string', 'picture_sha256'],
    ['member', 'string', 'member'], ['refused', 'string', 'refused'],
    ['refused_class', 'string', 'refused_class'], ['line', 'bigint', 'line'],
    ['band', 'string', 'band'], ['tract', 'bigint', 'picture_tract'], ['rerun', 'string', 'rerun'],
    ['height', 'bigint', 'height'], ['width', 'bigint', 'width'],
    ['image_offset', 'bigint', 'image_offset'], ['mask_offset', 'bigint', 'mask_offset'],
    ['variance_offset', 'bigint', 'variance_offset'], ['psf_offset', 'bigint', 'psf_offset'],
    ['zero_point_mag', 'double', 'zero_point_mag'],
    ['crval1', 'double', 'crval1'], ['crval2', 'double', 'crval2'],
    ['crpix1', 'double', 'crpix1'], ['crpix2', 'double', 'crpix2'],
    ['cd1_1', 'double', 'cd1_1'], ['cd1_2', 'double', 'cd1_2'],
    ['cd2_1', 'double', 'cd2_1'], ['cd2_2', 'double', 'cd2_2'],
    ['ra', 'double', 'picture_ra'], ['dec', 'double', 'picture_dec'], ['not_finite', 'bigint', 'not_finite'],
    ['psf_flag', 'string', 'psf_flag']] -%}
{%- for plane in mask_planes() -%}
    {%- do columns.append(['masked_' ~ plane, 'bigint', 'masked_' ~ plane]) -%}
{%- endfor -%}
{%- for source, type, name in columns %}
        cast({{ source }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
