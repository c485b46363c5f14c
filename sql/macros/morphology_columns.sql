{#- The columns of a measurement of one picture: name and type. -#}
{%- macro morphology_columns() -%}
{%- set whole = ['central_image_others_5px_rad', 'central_image_others_10px_rad', 'central_image_others_15px_rad',
    'detection_flags', 'sersic_iterations', 'sersic_stamp_px', 'sersic_counted_px', 'sersic_spots_px'] -%}
{%- set numbers = [
    'x_px', 'y_px', 'x_error_px', 'y_error_px', 'center_distance_px', 'major_axis_arcsec', 'minor_axis_arcsec',
    'pos_angle_sky_deg', 'isophotal_area_arcsec2', 'footprint_area_px2', 'half_light_radius_arcsec', 'petro_rad_px',
    'petro_rad_arcsec', 'kron_radius_px', 'peak_surface_brightness_mag_arcsec2', 'auto_mag', 'auto_error_mag',
    'background_adu', 'background_rms_adu', 'central_image_others_5px_rad', 'central_image_others_10px_rad',
    'central_image_others_15px_rad', 'detection_flags', 'sersic_index_error', 'sersic_r_e_px', 'sersic_r_e_error_px',
    'sersic_r_e_arcsec', 'sersic_r_e_error_arcsec', 'sersic_axis_ratio', 'sersic_axis_ratio_error',
    'sersic_pos_angle_deg', 'sersic_pos_angle_error_deg', 'sersic_pos_angle_sky_deg', 'sersic_mag', 'sersic_error_mag',
    'sersic_x_px', 'sersic_y_px', 'sersic_x_error_px', 'sersic_y_error_px', 'sersic_sky_adu', 'sersic_sky_error_adu',
    'sersic_chi2_per_px', 'sersic_iterations', 'sersic_stamp_px', 'sersic_counted_px', 'sersic_spots_px'] -%}
{%- set made = released_morphology() + [['detected', 'boolean']] -%}
{%- for name in numbers -%}
    {%- do made.append([name, 'bigint' if name in whole else 'double']) -%}
{%- endfor -%}
{{ return(made) }}
{%- endmacro -%}
